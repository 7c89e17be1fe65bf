// SPDX-License-Identifier: Apache-2.0
#include "stats/ratio.hpp"

#include "stats/log_ratio.hpp"

namespace inferbench {

std::optional<SpeedRatio> paired_speed_ratio(std::span<const double> contender, std::span<const double> baseline,
                                             double level) {
  const auto ratio = paired_log_ratio(contender, baseline);
  if (!ratio) return std::nullopt;
  return to_speed_ratio(*ratio, level);
}

Verdict judge(const SpeedRatio& ratio) {
  constexpr double kSameBelow = 1.02;
  if (!ratio.interval) return Verdict::kTooFewBlocks;
  const Interval& interval = *ratio.interval;
  if (interval.low > 1) return Verdict::kFaster;
  if (interval.high < 1) return Verdict::kSlower;
  const bool narrow = interval.low >= 1 / kSameBelow && interval.high <= kSameBelow;
  return narrow ? Verdict::kSame : Verdict::kUnclear;
}

std::string_view to_string(Verdict verdict) {
  switch (verdict) {
    case Verdict::kFaster:
      return "faster";
    case Verdict::kSlower:
      return "slower";
    case Verdict::kSame:
      return "same";
    case Verdict::kTooFewBlocks:
      return "too few blocks";
    case Verdict::kUnclear:
      break;
  }
  return "unclear";
}

}  // namespace inferbench
