// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <string_view>

#include "stats/interval.hpp"

namespace inferbench {

/// A verdict needs this many blocks: the spread of fewer is anyone's guess, and two blocks that agree by luck would
/// give an interval of no width.
inline constexpr std::size_t kFewestBlocks = 5;

/// The level of every interval that a verdict comes from, and so of every one that is shown beside a verdict. A table
/// of twenty comparisons judged at 95% would hold one false verdict; and stopping when the interval is narrow
/// (measure.until) costs a few percent of certainty.
inline constexpr double kVerdictLevel = 0.99;

/// How many times faster the one is than the other, from paired measurements.
struct SpeedRatio {
  std::size_t n = 0;                   ///< pairs
  double ratio = 1;                    ///< geometric mean of the per-pair ratios
  std::optional<Interval> interval{};  ///< at `level`; absent where there are fewer than kFewestBlocks
  double level = kVerdictLevel;
};

/// contender[i] / baseline[i] are speeds (more is better) taken in the same block. Geometric mean of the ratios;
/// interval exp(mean +- t((1 + level) / 2, n - 1) sd / sqrt(n)) of their logarithms. Both spans have the same length;
/// all values positive. nullopt for no pairs. Throws std::invalid_argument otherwise.
std::optional<SpeedRatio> paired_speed_ratio(std::span<const double> contender, std::span<const double> baseline,
                                             double level = kVerdictLevel);

enum class Verdict { kFaster, kSlower, kSame, kUnclear, kTooFewBlocks };

/// By the ratio's own interval and nothing else: faster or slower where it excludes 1, else same where it is inside
/// +-2%, else unclear. Without an interval: too few blocks.
Verdict judge(const SpeedRatio& ratio);

/// "faster", "slower", "same", "unclear", "too few blocks".
std::string_view to_string(Verdict verdict);

}  // namespace inferbench
