// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "analyze/configurations.hpp"
#include "stats/ratio.hpp"

namespace inferbench {

/// metric ~ axis^exponent, all other axes held fixed.
struct ScalingExponent {
  std::string axis;                  ///< of numeric_axes
  std::string contender;             ///< whose configurations these are
  double exponent = 0;               ///< 1: doubles with the axis; 0: does not change; -1: halves
  std::optional<Interval> interval;  ///< 95%; needs more configurations than groups and slope take
  double low = 0;                    ///< the axis's least value
  double high = 0;                   ///< and its greatest
  std::size_t configurations = 0;
  std::size_t groups = 0;  ///< sets of configurations that differ along this axis alone
};

/// For each numeric axis and each contender that has at least two values of it, in that order. Least squares of the
/// logarithm of a configuration's median on the logarithm of the axis, with an intercept for each group; the interval
/// is Student's t on the residuals, so it widens where the metric follows no power law, too. Values that are not
/// positive are left out.
std::vector<ScalingExponent> scaling_exponents(std::span<const MeasuredConfiguration> configurations,
                                               std::string_view metric);

}  // namespace inferbench
