// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <algorithm>
#include <optional>

#include "report/check.hpp"
#include "report/check_percentile.hpp"
#include "report/check_trials.hpp"
#include "report/number_text.hpp"
#include "report/run_match.hpp"
#include "results/metric_values.hpp"
#include "results/paired_ratio.hpp"
#include "results/trial_index.hpp"
#include "support/error.hpp"

namespace inferbench {

namespace {

std::vector<double> positive_values(const TrialIndex::Trials& trials, const std::string& metric) {
  std::vector<double> values = trial_values(trials, metric);
  std::erase_if(values, [](double value) { return !(value > 0); });
  return values;
}

// now over before; nullopt where before had nothing to lose.
std::optional<Judged> judge_change(const std::string& metric, double threshold, const TrialIndex::Trials& now,
                                   const TrialIndex::Trials& before) {
  const std::vector<double> old_values = positive_values(before, metric);
  if (old_values.empty()) return std::nullopt;
  const NoTrial none = why_no_trial(now);
  if (!none.why.empty()) return Judged{none.failed ? CheckVerdict::kFail : CheckVerdict::kUnclear, none.why};
  const auto change = independent_log_ratio(positive_values(now, metric), old_values);
  if (!change) return Judged{CheckVerdict::kUnclear, "no trial has it"};
  const SpeedRatio ratio = to_speed_ratio(*change);
  if (!ratio.interval) return Judged{CheckVerdict::kUnclear, ratio_text(ratio.ratio) + "x, one trial: no interval"};
  const bool more = more_is_better(metric);
  const double bound = more ? 1 - threshold : 1 + threshold;
  return Judged{judge_interval(*ratio.interval, more, bound),
                fmt::format("{}x of before ({}-{})", ratio_text(ratio.ratio), ratio_text(ratio.interval->low),
                            ratio_text(ratio.interval->high))};
}

std::string allowed_text(const std::string& metric, double threshold) {
  return fmt::format("{} not {:.3g}% {} than before", metric, threshold * 100,
                     more_is_better(metric) ? "lower" : "higher");
}

// What only the run before has.
void put_missing(std::vector<CheckResult>& results, const RunInfo& now, const RunInfo& before,
                 const std::string& requirement) {
  std::vector<bool> here(before.points.size(), false);
  for (const Match& match : match_points(before, now)) here[match.a] = true;
  for (std::size_t i = 0; i < before.points.size(); ++i) {
    if (here[i]) continue;
    const Point& point = before.points[i];
    results.push_back({requirement, "all", point_title(model_name(before, point.model), point), CheckVerdict::kUnclear,
                       "this run does not have the point"});
  }
  for (const Contender& contender : before.contenders) {
    const auto same = [&](const Contender& other) { return other.name == contender.name; };
    if (std::any_of(now.contenders.begin(), now.contenders.end(), same)) continue;
    results.push_back(
        {requirement, contender.name, "all", CheckVerdict::kUnclear, "this run does not have the contender"});
  }
}

}  // namespace

std::vector<CheckResult> check_regressions(const RunData& now, const RunData& before,
                                           const RegressionOptions& options) {
  const auto points = match_points(before.info, now.info);
  const auto contenders = match_contenders(before.info, now.info);
  if (points.empty() || contenders.empty()) {
    throw Error(fmt::format("the runs have no {} in common", points.empty() ? "point" : "contender"),
                "compare runs of the same experiment");
  }
  const TrialIndex index_now(now);
  const TrialIndex index_before(before);
  std::vector<CheckResult> results;
  for (const std::string& metric : options.metrics) {
    put_missing(results, now.info, before.info, allowed_text(metric, options.threshold));
    for (const Match& p : points) {
      const Point& point = now.info.points[p.b];
      for (const Match& c : contenders) {
        const auto judged = judge_change(metric, options.threshold, index_now.at(p.b, c.b), index_before.at(p.a, c.a));
        if (!judged) continue;
        results.push_back({allowed_text(metric, options.threshold), now.info.contenders[c.b].name,
                           point_title(model_name(now.info, point.model), point), judged->verdict, judged->found});
      }
    }
  }
  return results;
}

}  // namespace inferbench
