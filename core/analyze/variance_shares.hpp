// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include "analyze/metric_column.hpp"

namespace inferbench {

struct AxisShare {
  std::string axis;
  double share = 0;        ///< of the variance, 0 to 1
  std::size_t levels = 0;  ///< distinct values measured
};

/// Sources of the variance of a metric's logarithm over all trials. The shares add up to 1.
struct VarianceShares {
  std::size_t trials = 0;
  std::size_t configurations = 0;
  double log_sd = 0;            ///< standard deviation of the natural logarithms
  std::vector<AxisShare> axes;  ///< axes with at least two levels, in analysis_axes' order
  double interactions = 0;      ///< between configurations, beyond the sum of one effect per axis
  double repeats = 0;           ///< between the trials of one configuration: noise
};

/// Least squares of the logarithms of the trials' values on one effect per level of each axis (contender, model,
/// prompt_tokens, ...). An axis's share is the increase of R2 that it brings, averaged over all orders in which the
/// axes can enter the model: Lindeman, Merenda and Gold 1980 (LMG). This is Shapley's value, and in a balanced sweep it
/// is the sum of squares of the classical analysis of variance. Axes that always move together share equally. nullopt
/// for fewer than three configurations, or if no value differs. Values that are not positive are left out.
std::optional<VarianceShares> variance_shares(const MetricColumn& column);

}  // namespace inferbench
