// SPDX-License-Identifier: Apache-2.0
#include "report/headline.hpp"

#include <algorithm>
#include <cmath>
#include <map>
#include <string_view>
#include <utility>

#include "experiment/metrics.hpp"
#include "experiment/planned_pairs.hpp"
#include "results/paired_ratio.hpp"
#include "stats/log_ratio.hpp"

namespace inferbench {

namespace {

struct Overall {
  std::optional<LogRatio> ratio;
  std::vector<double> of_points;
};

/// One metric's speeds of contenders relative to each other, each computed once.
class OverallSpeeds {
 public:
  OverallSpeeds(const RunInfo& info, const TrialIndex& index, std::string_view metric)
      : info_(info), index_(index), metric_(metric) {}

  const Overall& of(std::size_t contender, std::size_t other) {
    const auto [place, is_new] = known_.try_emplace({contender, other});
    if (is_new) place->second = compute(contender, other);
    return place->second;
  }

 private:
  Overall compute(std::size_t contender, std::size_t other) const {
    std::vector<LogRatio> ratios;
    Overall overall;
    for (std::size_t point = 0; point < info_.points.size(); ++point) {
      const auto ratio = paired_speed(metric_, index_.at(point, contender), index_.at(point, other));
      if (!ratio) continue;
      ratios.push_back(*ratio);
      overall.of_points.push_back(std::exp(ratio->mean));
    }
    overall.ratio = mean_log_ratio(ratios);
    return overall;
  }

  const RunInfo& info_;
  const TrialIndex& index_;
  std::string_view metric_;
  std::map<std::pair<std::size_t, std::size_t>, Overall> known_;
};

/// A contender's index in RunInfo::contenders, and the number of points where it ran together with the baseline.
struct Entrant {
  std::size_t contender = 0;
  std::size_t points = 0;
};

std::vector<Entrant> put_speeds(const RunInfo& info, OverallSpeeds& speeds, Headline& headline) {
  const std::size_t baseline = baseline_index(info);
  std::vector<std::pair<OverallSpeed, Entrant>> found;
  for (std::size_t i = 0; i < info.contenders.size(); ++i) {
    if (i == baseline) continue;
    const Overall& overall = speeds.of(i, baseline);
    if (!overall.ratio) continue;
    const auto [least, most] = std::minmax_element(overall.of_points.begin(), overall.of_points.end());
    const std::size_t points = overall.of_points.size();
    found.push_back(
        {{info.contenders[i].name, points, to_speed_ratio(*overall.ratio), *least, *most}, Entrant{i, points}});
  }
  std::stable_sort(found.begin(), found.end(),
                   [](const auto& a, const auto& b) { return a.first.ratio.ratio > b.first.ratio.ratio; });
  std::vector<Entrant> entrants;
  for (auto& [speed, entrant] : found) {
    headline.speeds.push_back(std::move(speed));
    entrants.push_back(entrant);
  }
  return entrants;
}

// Speeds relative to the baseline are over each contender's own points. If some contenders failed at points, only a
// direct comparison over common points shows which is faster. The fastest is the one that no later contender beats; the
// second is the one that it beats by the smallest margin.
void rank(const RunInfo& info, OverallSpeeds& speeds, std::vector<Entrant> entrants, Headline& headline) {
  std::size_t most = 0;
  for (const Entrant& entrant : entrants) most = std::max(most, entrant.points);
  const PlannedPairs planned(info.contenders, info.points, info.baseline);
  std::erase_if(entrants, [&](const Entrant& entrant) {
    return 2 * entrant.points < std::min(most, planned.of(entrant.contender));
  });
  entrants.push_back({baseline_index(info), most});
  const auto speed = [&](const Entrant& a, const Entrant& b) { return speeds.of(a.contender, b.contender).ratio; };
  const Entrant* fastest = &entrants.front();
  for (const Entrant& entrant : entrants) {
    if (&entrant == fastest) continue;
    const auto ahead = speed(*fastest, entrant);
    if (ahead && ahead->mean < 0) fastest = &entrant;
  }
  headline.fastest = info.contenders[fastest->contender].name;
  std::optional<LogRatio> closest;
  for (const Entrant& entrant : entrants) {
    if (&entrant == fastest) continue;
    const auto ahead = speed(*fastest, entrant);
    if (!ahead || (closest && closest->mean <= ahead->mean)) continue;
    closest = ahead;
    headline.second = info.contenders[entrant.contender].name;
  }
  if (closest) headline.ahead = to_speed_ratio(*closest);
}

}  // namespace

std::vector<std::string> headline_metrics() {
  std::vector<std::string> metrics = metrics_with(&Metric::headline);
  std::reverse(metrics.begin(), metrics.end());  // decode first, because most requests spend most of their time there
  return metrics;
}

std::vector<Headline> headlines_of(const RunInfo& info, const TrialIndex& index) {
  std::vector<Headline> headlines;
  if (baseline_index(info) >= info.contenders.size()) return headlines;
  for (const std::string& metric : headline_metrics()) {
    Headline headline;
    headline.metric = metric;
    OverallSpeeds speeds(info, index, headline.metric);
    std::vector<Entrant> entrants = put_speeds(info, speeds, headline);
    if (headline.speeds.empty()) continue;
    rank(info, speeds, std::move(entrants), headline);
    headlines.push_back(std::move(headline));
  }
  return headlines;
}

}  // namespace inferbench
