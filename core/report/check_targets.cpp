// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <memory>
#include <optional>

#include "experiment/targets.hpp"
#include "experiment/yaml_tree.hpp"
#include "report/check.hpp"
#include "report/check_percentile.hpp"
#include "report/check_trials.hpp"
#include "report/comparison.hpp"
#include "report/number_text.hpp"
#include "report/run_match.hpp"
#include "results/paired_ratio.hpp"
#include "results/trial_index.hpp"

namespace inferbench {

namespace {

// The word before "at least".
std::string requirement_text(const Target& target) {
  const std::string bound = target.times_baseline ? bound_text(target) : value_text(target.metric, target.value);
  const std::string which = target.percentile ? fmt::format(" p{}", *target.percentile) : "";
  return fmt::format("{}{} {} {}", target.metric, which, target.at_least ? "at least" : "at most", bound);
}

// A ratio of 1.2 x baseline is one of the values themselves, not of speeds: 0.8 x baseline of a time is faster.
Judged judge_mean(const Target& target, const TrialIndex::Trials& trials, const TrialIndex::Trials& baseline) {
  std::optional<LogRatio> mean;
  if (target.times_baseline) {
    const PairedValues pairs = paired_values(target.metric, trials, baseline);
    mean = paired_log_ratio(pairs.first, pairs.second);
  } else {
    const std::vector<double> values = trial_values(trials, target.metric);
    mean = paired_log_ratio(values, std::vector<double>(values.size(), 1.0));
  }
  if (!mean) return {CheckVerdict::kUnclear, "no trial has it"};
  const SpeedRatio judged = to_speed_ratio(*mean);
  const auto text = [&](double value) {
    return target.times_baseline ? ratio_text(value) + "x" : value_text(target.metric, value);
  };
  if (!judged.interval) return {CheckVerdict::kUnclear, text(judged.ratio) + ", one trial: no interval"};
  return {judge_interval(*judged.interval, target.at_least, target.value),
          fmt::format("{} ({} to {})", text(judged.ratio), text(judged.interval->low), text(judged.interval->high))};
}

Judged judge_target(const Target& target, const TrialIndex::Trials& trials, const TrialIndex::Trials* baseline) {
  const NoTrial none = why_no_trial(trials);
  if (!none.why.empty()) return {none.failed ? CheckVerdict::kFail : CheckVerdict::kUnclear, none.why};
  if (target.times_baseline) {
    if (baseline == nullptr) return {CheckVerdict::kUnclear, "the run has no baseline"};
    const NoTrial no_baseline = why_no_trial(*baseline);
    if (!no_baseline.why.empty()) return {CheckVerdict::kUnclear, "baseline: " + no_baseline.why};
    if (target.percentile) return judge_percentile_ratio(target, trials, *baseline);
  } else if (target.percentile) {
    return judge_percentile(target, trials);
  }
  return judge_mean(target, trials, baseline == nullptr ? trials : *baseline);
}

}  // namespace

std::vector<Target> targets_of(const RunInfo& info) {
  const auto source = std::make_shared<const YamlSource>(YamlSource{"the experiment in run.json", {}, true});
  const YamlNode tree = parse_yaml(info.resolved_yaml, source);
  const YamlEntry* targets = tree.kind == YamlNode::Kind::kMap ? tree.find("targets") : nullptr;
  return targets == nullptr ? std::vector<Target>{} : read_targets(&targets->value, info.contenders);
}

std::vector<CheckResult> check_targets(const RunData& run, const std::vector<Target>& targets) {
  const TrialIndex index(run);
  const std::size_t baseline = baseline_index(run.info);
  std::vector<CheckResult> results;
  for (const Target& target : targets) {
    const std::string requirement = requirement_text(target);
    for (std::size_t p = 0; p < run.info.points.size(); ++p) {
      const Point& point = run.info.points[p];
      const TrialIndex::Trials* reference = baseline < run.info.contenders.size() ? &index.at(p, baseline) : nullptr;
      for (std::size_t c = 0; c < run.info.contenders.size(); ++c) {
        const std::string& name = run.info.contenders[c].name;
        if (!target.contender.empty() && target.contender != name) continue;
        if (target.contender.empty() && target.times_baseline && c == baseline) continue;
        const Judged judged = judge_target(target, index.at(p, c), reference);
        results.push_back(
            {requirement, name, point_title(model_name(run.info, point.model), point), judged.verdict, judged.found});
      }
    }
  }
  return results;
}

}  // namespace inferbench
