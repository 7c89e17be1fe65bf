// SPDX-License-Identifier: Apache-2.0
#include "stats/ratio.hpp"

#include <cmath>
#include <stdexcept>
#include <vector>

#include "stats/student_t.hpp"
#include "stats/summary.hpp"

namespace inferbench {

std::optional<SpeedRatio> paired_speed_ratio(std::span<const double> contender, std::span<const double> baseline) {
  if (contender.size() != baseline.size()) throw std::invalid_argument("paired_speed_ratio: unequal lengths");
  std::vector<double> logs;
  logs.reserve(contender.size());
  for (std::size_t i = 0; i < contender.size(); ++i) {
    if (!(contender[i] > 0) || !(baseline[i] > 0)) throw std::invalid_argument("paired_speed_ratio: not positive");
    logs.push_back(std::log(contender[i] / baseline[i]));
  }
  const auto summary = summarize(logs);
  if (!summary) return std::nullopt;
  SpeedRatio result{summary->n, std::exp(summary->mean), std::nullopt, std::nullopt};
  if (summary->sd) {
    const auto n = static_cast<double>(summary->n);
    const double standard_error = *summary->sd / std::sqrt(n);
    const auto interval_at = [&](double quantile) {
      const double half = student_t_quantile(quantile, n - 1) * standard_error;
      return Interval{std::exp(summary->mean - half), std::exp(summary->mean + half)};
    };
    result.interval = interval_at(0.975);
    result.sure_interval = interval_at(0.995);
  }
  return result;
}

Verdict judge(const SpeedRatio& ratio) {
  constexpr double kSameBelow = 1.02;
  if (!ratio.interval) return Verdict::kUnclear;
  const Interval& sure = ratio.sure_interval ? *ratio.sure_interval : *ratio.interval;
  if (sure.low > 1) return Verdict::kFaster;
  if (sure.high < 1) return Verdict::kSlower;
  const bool narrow = ratio.interval->low >= 1 / kSameBelow && ratio.interval->high <= kSameBelow;
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
    case Verdict::kUnclear:
      break;
  }
  return "unclear";
}

}  // namespace inferbench
