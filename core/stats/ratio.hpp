// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <string_view>

#include "stats/interval.hpp"

namespace inferbench {

/// How many times faster the one is than the other, from paired measurements.
struct SpeedRatio {
  std::size_t n = 0;                 ///< pairs
  double ratio = 1;                  ///< geometric mean of the per-pair ratios
  std::optional<Interval> interval;  ///< 95%; n >= 2
  /// The same at 99%: what `faster` and `slower` are judged by. A table of twenty comparisons judged at 95% would hold
  /// one false verdict; and stopping when the interval is narrow (measure.until) costs a few percent of certainty.
  std::optional<Interval> sure_interval{};
};

/// contender[i] / baseline[i] are speeds (more is better) taken in the same block. Geometric mean of the ratios;
/// interval exp(mean +- t(0.975, n - 1) sd / sqrt(n)) of their logarithms. Both spans have the same length; all values
/// positive. nullopt for no pairs. Throws std::invalid_argument otherwise.
std::optional<SpeedRatio> paired_speed_ratio(std::span<const double> contender, std::span<const double> baseline);

enum class Verdict { kFaster, kSlower, kSame, kUnclear };

/// faster or slower: the sure interval excludes 1 (where there is none, the interval). Else same where the interval
/// lies inside +-2%. Else unclear, as is a ratio without an interval.
Verdict judge(const SpeedRatio& ratio);

std::string_view to_string(Verdict verdict);

}  // namespace inferbench
