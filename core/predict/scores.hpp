// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <vector>

#include "predict/held_out.hpp"
#include "stats/ratio.hpp"

namespace inferbench {

/// Quality of predictions for configurations that the models never saw.
struct Scores {
  std::size_t n = 0;
  double mape = 0;           ///< mean of |predicted - measured| / measured
  std::optional<double> r2;  ///< 1 - sum of squared errors / sum of squares around the mean; absent if nothing varies

  friend bool operator==(const Scores&, const Scores&) = default;
};

Scores score(std::span<const HeldOut> held_out);

/// How well predictions tell which configurations meet a threshold.
struct ThresholdScores {
  std::size_t meets = 0;  ///< number of configurations measured at or below the threshold
  std::size_t misses = 0;
  double accuracy = 0;
  /// Probability that a configuration that meets it has a lower prediction than one that misses it, where ties count
  /// half (Mann and Whitney); absent if all are of one kind.
  std::optional<double> roc_auc;

  friend bool operator==(const ThresholdScores&, const ThresholdScores&) = default;
};

ThresholdScores score_threshold(std::span<const HeldOut> held_out, double at_most);

/// The half-width h, as a logarithm, of a conformal interval [p exp(-h), p exp(h)] around a prediction p: the ceil((n +
/// 1) level)-th smallest of n residuals |log(measured / predicted)| (Vovk, Gammerman and Shafer 2005; Lei et al. 2018).
/// nullopt if n is too small for `level`.
std::optional<double> conformal_half_width(std::vector<double> log_residuals, double level);

}  // namespace inferbench
