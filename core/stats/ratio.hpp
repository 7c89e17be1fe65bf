// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <string_view>

#include "stats/interval.hpp"

namespace inferbench {

/// A verdict needs this many blocks. Fewer give no reliable spread, and two blocks that agree by luck would give an
/// interval of width zero.
inline constexpr std::size_t kFewestBlocks = 5;

/// The level of every interval that a verdict is based on, and so of every interval shown with a verdict. At 95%, a
/// table of twenty comparisons would contain one false verdict on average. Stopping when the interval is narrow
/// (measure.until) also costs a few percent of coverage.
inline constexpr double kVerdictLevel = 0.99;

/// How many times faster one contender is than another, from paired measurements.
struct SpeedRatio {
  std::size_t n = 0;                   ///< pairs
  double ratio = 1;                    ///< geometric mean of the per-pair ratios
  std::optional<Interval> interval{};  ///< at `level`; absent for fewer than kFewestBlocks
  double level = kVerdictLevel;
};

/// contender[i] and baseline[i] are speeds (more is better) from the same block. `ratio` is the geometric mean of
/// contender[i] / baseline[i]; the interval is exp(mean +- t((1 + level) / 2, n - 1) sd / sqrt(n)) of their logarithms.
/// nullopt for no pairs. Throws std::invalid_argument for unequal lengths or values that are not positive.
std::optional<SpeedRatio> paired_speed_ratio(std::span<const double> contender, std::span<const double> baseline,
                                             double level = kVerdictLevel);

enum class Verdict { kFaster, kSlower, kSame, kUnclear, kTooFewBlocks };

/// Uses only the ratio's own interval: faster or slower if it excludes 1, otherwise same if it is inside +-2%,
/// otherwise unclear. Without an interval: too few blocks.
Verdict judge(const SpeedRatio& ratio);

/// "faster", "slower", "same", "unclear", "too few blocks".
std::string_view to_string(Verdict verdict);

}  // namespace inferbench
