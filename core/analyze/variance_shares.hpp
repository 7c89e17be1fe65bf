// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "analyze/configurations.hpp"

namespace inferbench {

struct AxisShare {
  std::string axis;
  double share = 0;        ///< of the variance, 0 to 1
  std::size_t levels = 0;  ///< distinct values that were measured
};

/// Where the variance of a metric's logarithm over all trials comes from. The shares add up to 1.
struct VarianceShares {
  std::size_t trials = 0;
  std::size_t configurations = 0;
  double log_sd = 0;            ///< standard deviation of the natural logarithms
  std::vector<AxisShare> axes;  ///< those with at least two levels, in analysis_axes' order
  double interactions = 0;      ///< between configurations, but not the sum of one effect an axis
  double repeats = 0;           ///< between the trials of one configuration: noise
};

/// Logarithms of the trials' values on one effect a level of each axis (contender, model, prompt_tokens, ...), least
/// squares. An axis's share is the mean, over all orders in which the axes can enter the model, of what it adds to R2:
/// Lindeman, Merenda and Gold 1980 (LMG), which is Shapley's value, and in a balanced sweep the sum of squares of the
/// classical analysis of variance. Axes that always move together share alike. nullopt for fewer than three
/// configurations, or where no value differs. Values that are not positive are left out.
std::optional<VarianceShares> variance_shares(std::span<const MeasuredConfiguration> configurations,
                                              std::string_view metric);

}  // namespace inferbench
