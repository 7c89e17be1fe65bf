// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include "analyze/metric_column.hpp"
#include "stats/ratio.hpp"

namespace inferbench {

/// metric ~ axis^exponent, all other axes held fixed.
struct ScalingExponent {
  std::string axis;                  ///< one of numeric_axes
  std::string contender;             ///< whose configurations were fitted
  double exponent = 0;               ///< 1: doubles with the axis; 0: does not change; -1: halves
  std::optional<Interval> interval;  ///< 95%; absent unless there are more configurations than fitted parameters
  double low = 0;                    ///< smallest value of the axis
  double high = 0;                   ///< largest value of the axis
  std::size_t configurations = 0;
  std::size_t groups = 0;  ///< sets of configurations that differ only along this axis
};

/// For each numeric axis, and for each contender with at least two values of it, in that order. Least squares of the
/// logarithm of a configuration's median on the logarithm of the axis, with an intercept per group. The interval uses
/// Student's t on the residuals, so it also widens if the metric does not follow a power law. Values that are not
/// positive are left out.
std::vector<ScalingExponent> scaling_exponents(const MetricColumn& column);

}  // namespace inferbench
