// SPDX-License-Identifier: Apache-2.0
#include "report/run_comparison.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <string_view>
#include <utility>

#include "experiment/metrics.hpp"
#include "experiment/point_text.hpp"
#include "results/model_identity.hpp"
#include "results/paired_ratio.hpp"
#include "results/trial_index.hpp"
#include "support/error.hpp"

namespace inferbench {

namespace {

using Ratios = std::map<std::pair<std::string, std::string>, std::vector<LogRatio>>;  // by contender and metric

void put_overall(RunComparison& comparison, const std::string& contender, const std::string& metric,
                 const std::vector<LogRatio>& ratios) {
  if (const auto mean = mean_log_ratio(ratios)) {
    comparison.overall.push_back({contender, metric, ratios.size(), to_speed_ratio(*mean)});
  }
}

// Contenders of the first run that the other does not have.
std::vector<std::string> only_in(const RunInfo& info, const RunInfo& other) {
  std::vector<std::string> names;
  for (const Contender& contender : info.contenders) {
    const bool there = std::any_of(other.contenders.begin(), other.contenders.end(),
                                   [&](const Contender& theirs) { return theirs.name == contender.name; });
    if (!there) names.push_back(contender.name);
  }
  return names;
}

std::size_t good_trials(const RunData& run) {
  return static_cast<std::size_t>(std::count_if(
      run.trials.begin(), run.trials.end(), [](const TrialRecord& trial) { return trial.ok() && !trial.warm_up(); }));
}

std::string why_no_common_data(const RunData& a, const RunData& b) {
  for (const auto& [name, run] : {std::pair("A", &a), std::pair("B", &b)}) {
    if (good_trials(*run) == 0) return fmt::format("there is nothing to compare: run {} has no successful trial", name);
  }
  return "there is nothing to compare: no contender has successful trials at the same point of both runs";
}

}  // namespace

RunComparison compare_runs(const RunData& a, const RunData& b, const std::string& name_a, const std::string& name_b) {
  const auto points = match_points(a.info, b.info);
  const auto contenders = match_contenders(a.info, b.info);
  if (const std::string why = why_nothing_in_common(a.info, b.info); !why.empty()) {
    throw Error(why, "compare runs of the same experiment, or runs that share points and contender names");
  }
  RunComparison comparison{name_a, name_b, find_differences(a.info, b.info), changed_models(a.info, b.info), {}, {},
                           0,      0,      only_in(a.info, b.info),          only_in(b.info, a.info)};
  comparison.unmatched_a = a.info.points.size() - points.size();
  comparison.unmatched_b = b.info.points.size() - points.size();
  const TrialIndex index_a(a);
  const TrialIndex index_b(b);
  const std::vector<std::string> metrics = metrics_with(&Metric::headline);
  Ratios ratios;
  for (const Match& p : points) {
    const Point& point = a.info.points[p.a];
    PointChange change{point_title(model_name(a.info, point.model), point), {}};
    for (const Match& c : contenders) {
      ContenderChange here{a.info.contenders[c.a].name, {}};
      for (const std::string& metric : metrics) {
        const auto before = trial_values(index_a.at(p.a, c.a), metric);
        const auto after = trial_values(index_b.at(p.b, c.b), metric);
        Change values{summarize(before), summarize(after), std::nullopt};
        if (const auto ratio = independent_log_ratio(after, before)) {
          values.speed = to_speed_ratio(*ratio);
          ratios[{here.contender, metric}].push_back(*ratio);
        }
        here.metrics.emplace(metric, values);
      }
      change.contenders.push_back(std::move(here));
    }
    comparison.points.push_back(std::move(change));
  }
  for (const std::string& metric : metrics) {
    std::vector<LogRatio> all;
    for (const Match& c : contenders) {
      const std::vector<LogRatio>& own = ratios[{a.info.contenders[c.a].name, metric}];
      put_overall(comparison, a.info.contenders[c.a].name, metric, own);
      all.insert(all.end(), own.begin(), own.end());
    }
    put_overall(comparison, "", metric, all);
  }
  if (comparison.overall.empty()) {
    throw Error(why_no_common_data(a, b), "look at what failed: inferbench report RUN");
  }
  return comparison;
}

}  // namespace inferbench
