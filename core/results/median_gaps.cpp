// SPDX-License-Identifier: Apache-2.0
#include "results/median_gaps.hpp"

#include <algorithm>
#include <optional>

#include "experiment/metrics.hpp"
#include "results/paired_ratio.hpp"
#include "stats/summary.hpp"

namespace inferbench {

namespace {

constexpr double kAlike = 1.02;  // a negligible gap
constexpr double kAlikeWithoutInterval = 1.25;

bool beyond(double factor, double of_medians, double speed) {
  return of_medians > speed * factor || of_medians * factor < speed;
}

bool is_gap(const SpeedRatio& speed, double of_medians) {
  if (!speed.interval) return beyond(kAlikeWithoutInterval, of_medians, speed.ratio);
  const bool inside = of_medians >= speed.interval->low && of_medians <= speed.interval->high;
  return !inside && beyond(kAlike, of_medians, speed.ratio);
}

}  // namespace

std::vector<MedianGap> median_gaps(const RunData& run, const TrialIndex& index) {
  std::vector<MedianGap> gaps;
  const auto& contenders = run.info.contenders;
  const auto baseline = static_cast<std::size_t>(
      std::find_if(contenders.begin(), contenders.end(),
                   [&](const Contender& contender) { return contender.name == run.info.baseline; }) -
      contenders.begin());
  if (baseline == contenders.size()) return gaps;
  const std::vector<std::string> metrics = metrics_with(&Metric::headline);
  for (std::size_t point = 0; point < run.info.points.size(); ++point) {
    for (std::size_t contender = 0; contender < contenders.size(); ++contender) {
      if (contender == baseline) continue;
      for (const std::string& metric : metrics) {
        const auto speed = paired_ratio(metric, index.at(point, contender), index.at(point, baseline));
        const auto ours = median(trial_values(index.at(point, contender), metric));
        const auto theirs = median(trial_values(index.at(point, baseline), metric));
        if (!speed || !ours || !theirs || !(*theirs > 0)) continue;
        const double of_medians = *ours / *theirs;
        if (is_gap(*speed, of_medians)) {
          gaps.push_back({point, contenders[contender].name, metric, of_medians, *speed});
        }
      }
    }
  }
  return gaps;
}

}  // namespace inferbench
