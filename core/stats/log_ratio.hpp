// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <optional>
#include <span>

#include "stats/ratio.hpp"

namespace inferbench {

/// How many times larger one quantity is than another, on a logarithmic scale, where ratios add up.
struct LogRatio {
  std::size_t n = 0;              ///< pairs, or values of the smaller side
  double mean = 0;                ///< natural logarithm of the ratio
  std::optional<double> se;       ///< standard error of the mean; absent for fewer than kFewestBlocks
  double degrees_of_freedom = 0;  ///< of se
};

/// From values taken in pairs (the same block): the mean of log(a[i] / b[i]). Same lengths, all values positive;
/// nullopt for no pairs. Throws std::invalid_argument otherwise.
std::optional<LogRatio> paired_log_ratio(std::span<const double> a, std::span<const double> b);

/// From two samples that have nothing to do with each other, such as two runs: difference of the means of the logs,
/// with Welch's standard error and the degrees of freedom of Welch and Satterthwaite (Welch 1947, Biometrika 34).
/// All values positive; nullopt where either is empty. Throws std::invalid_argument otherwise.
std::optional<LogRatio> independent_log_ratio(std::span<const double> a, std::span<const double> b);

/// The geometric mean over points, each with the same weight. The points are those that were asked for, not a sample of
/// others: the error comes from the measurements alone. Without an error where any point has none. nullopt for no
/// points.
std::optional<LogRatio> mean_log_ratio(std::span<const LogRatio> points);

/// The ratio itself with its interval at `level` by Student's t.
SpeedRatio to_speed_ratio(const LogRatio& ratio, double level = kVerdictLevel);

}  // namespace inferbench
