// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <string_view>

namespace inferbench {

struct Interval {
  double low = 0;
  double high = 0;
};

/// How many times faster the one is than the other, from paired measurements.
struct SpeedRatio {
  std::size_t n = 0;                 ///< pairs
  double ratio = 1;                  ///< geometric mean of the per-pair ratios
  std::optional<Interval> interval;  ///< 95%; n >= 2
};

/// contender[i] / baseline[i] are speeds (more is better) taken in the same block. Geometric mean of the ratios;
/// interval exp(mean +- t(0.975, n - 1) sd / sqrt(n)) of their logarithms. Both spans have the same length; all values
/// positive. nullopt for no pairs. Throws std::invalid_argument otherwise.
std::optional<SpeedRatio> paired_speed_ratio(std::span<const double> contender, std::span<const double> baseline);

enum class Verdict { kFaster, kSlower, kSame, kUnclear };

/// faster or slower: the interval excludes 1. same: it includes 1 and lies inside +-2%. Else unclear, as is a ratio
/// without an interval.
Verdict judge(const SpeedRatio& ratio);

std::string_view to_string(Verdict verdict);

}  // namespace inferbench
