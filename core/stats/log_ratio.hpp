// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <optional>
#include <span>

#include "stats/ratio.hpp"

namespace inferbench {

/// Ratio of two quantities on a logarithmic scale, where ratios add up.
struct LogRatio {
  std::size_t n = 0;              ///< pairs, or size of the smaller sample
  double mean = 0;                ///< natural logarithm of the ratio
  std::optional<double> se;       ///< standard error of the mean; absent for fewer than kFewestBlocks
  double degrees_of_freedom = 0;  ///< of se
};

/// For values measured in pairs (the same block): the mean of log(a[i] / b[i]). nullopt for no pairs. Throws
/// std::invalid_argument for unequal lengths or values that are not positive.
std::optional<LogRatio> paired_log_ratio(std::span<const double> a, std::span<const double> b);

/// For two independent samples, such as two runs: the difference of the means of the logarithms, with Welch's standard
/// error and the degrees of freedom of Welch and Satterthwaite (Welch 1947, Biometrika 34). nullopt if either is empty.
/// Throws std::invalid_argument for values that are not positive.
std::optional<LogRatio> independent_log_ratio(std::span<const double> a, std::span<const double> b);

/// The geometric mean over points with equal weights. The points are a fixed set, not a sample, so the error comes only
/// from the measurements. Without a standard error if any point has none. nullopt for no points.
std::optional<LogRatio> mean_log_ratio(std::span<const LogRatio> points);

/// The ratio with its interval at `level` by Student's t.
SpeedRatio to_speed_ratio(const LogRatio& ratio, double level = kVerdictLevel);

}  // namespace inferbench
