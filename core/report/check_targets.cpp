// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <memory>
#include <optional>
#include <utility>

#include "experiment/metrics.hpp"
#include "experiment/planned_pairs.hpp"
#include "experiment/point_filter.hpp"
#include "experiment/point_text.hpp"
#include "experiment/targets.hpp"
#include "experiment/yaml_tree.hpp"
#include "report/check.hpp"
#include "report/check_percentile.hpp"
#include "report/check_quality.hpp"
#include "report/check_trials.hpp"
#include "report/comparison.hpp"
#include "report/number_text.hpp"
#include "results/model_identity.hpp"
#include "results/paired_ratio.hpp"
#include "results/trial_index.hpp"

namespace inferbench {

namespace {

// "decode_tokens_per_s at least 1.2 x baseline".
std::string requirement_text(const Target& target) {
  const std::string bound = target.times_baseline ? bound_text(target) : value_text(target.metric, target.value);
  const std::string which = target.percentile ? fmt::format(" p{}", *target.percentile) : "";
  const std::string where = filter_text(target.where);
  return fmt::format("{}{} {} {}{}", target.metric, which, target.at_least ? "at least" : "at most", bound,
                     where.empty() ? "" : " at " + where);
}

// "1.2 x baseline" is a ratio of the values themselves, not of speeds: for a time, 0.8 x baseline is faster.
Judged judge_mean(const Target& target, const TrialIndex::Trials& trials, const TrialIndex::Trials& baseline) {
  std::optional<LogRatio> mean;
  if (target.times_baseline) {
    const PairedValues pairs = paired_values(target.metric, trials, baseline);
    mean = paired_log_ratio(pairs.first, pairs.second);
    if (!mean) return {CheckVerdict::kUnclear, "no block has values of both this contender and the baseline"};
  } else {
    const Judgeable found = judgeable_values(trials, target.metric, target.at_least);
    if (found.values.empty()) return found.judged;
    mean = paired_log_ratio(found.values, std::vector<double>(found.values.size(), 1.0));
  }
  const SpeedRatio judged = to_speed_ratio(*mean);
  const auto text = [&](double value) {
    return target.times_baseline ? ratio_text(value) + "x" : value_text(target.metric, value);
  };
  if (!judged.interval) {
    return {CheckVerdict::kUnclear, fmt::format("{}, {}", text(judged.ratio), too_few_blocks_text(judged.n))};
  }
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
    if (target.percentile) return counting_failures(judge_percentile_ratio(target, trials, *baseline), trials);
  } else if (target.percentile) {
    return counting_failures(judge_percentile(target, trials), trials);
  }
  return counting_failures(judge_mean(target, trials, baseline == nullptr ? trials : *baseline), trials);
}

// True if a target applies to a contender. A target relative to the baseline applies to all others, unless it names
// one.
bool is_for(const Target& target, const RunInfo& info, std::size_t contender, std::size_t baseline) {
  if (!target.contender.empty()) return target.contender == info.contenders[contender].name;
  return !(target.times_baseline && contender == baseline);
}

}  // namespace

namespace {

// Reads the part of the run's resolved experiment under `key` with `read`. It was checked when the run began.
template <typename Read>
auto part_of(const RunInfo& info, const char* key, const Read& read) {
  const auto source = std::make_shared<const YamlSource>(YamlSource{"the experiment in run.json", {}, true});
  const YamlNode tree = parse_yaml(info.resolved_yaml, source);
  const YamlEntry* part = tree.kind == YamlNode::Kind::kMap ? tree.find(key) : nullptr;
  std::vector<ModelWords> models;
  for (const ModelIdentity& model : info.models) {
    models.push_back({model.reference, {model.name}});
    for (const std::string& earlier : model.earlier_references) models.back().words.push_back(earlier);
  }
  const TargetScope scope{info.contenders, info.points, std::move(models)};
  return read(part == nullptr ? nullptr : &part->value, scope);
}

}  // namespace

std::vector<Target> targets_of(const RunInfo& info) {
  return part_of(info, "targets", read_targets);
}

std::vector<RegressionRule> regressions_of(const RunInfo& info) {
  return part_of(info, "regressions", read_regressions);
}

namespace {

std::vector<CheckResult> check_target(const RunData& run, const TrialIndex& index, const Target& target) {
  const std::size_t baseline = baseline_index(run.info);
  const PlannedPairs planned(run.info.contenders, run.info.points, run.info.baseline);
  const std::string requirement = requirement_text(target);
  std::vector<CheckResult> results;
  for (std::size_t p = 0; p < run.info.points.size(); ++p) {
    const Point& point = run.info.points[p];
    if (!matches(target.where, point) || !is_measured_at(target.metric, point)) continue;
    const TrialIndex::Trials* reference = baseline < run.info.contenders.size() ? &index.at(p, baseline) : nullptr;
    for (std::size_t c = 0; c < run.info.contenders.size(); ++c) {
      if (!is_for(target, run.info, c, baseline) || !planned.has(c, point)) continue;
      const Judged judged = judge_target(target, index.at(p, c), reference);
      results.push_back({requirement, run.info.contenders[c].name,
                         point_title(model_name(run.info, point.model), point), judged.verdict, judged.found});
    }
  }
  return results;
}

// One result per contender, for each model that the target applies to.
std::vector<CheckResult> check_quality_target(const RunData& run, const Target& target) {
  const std::size_t baseline = baseline_index(run.info);
  const std::string requirement = requirement_text(target);
  std::vector<CheckResult> results;
  for (const ModelIdentity& model : run.info.models) {
    if (!target.where.model.empty() && target.where.model != model.reference) continue;
    for (std::size_t c = 0; c < run.info.contenders.size(); ++c) {
      if (!is_for(target, run.info, c, baseline)) continue;
      const std::string& name = run.info.contenders[c].name;
      const Judged judged = judge_quality(target, run, name, model.reference);
      results.push_back({requirement, name, quality_title(run, model), judged.verdict, judged.found});
    }
  }
  return results;
}

}  // namespace

std::vector<CheckResult> check_targets(const RunData& run, const std::vector<Target>& targets) {
  const TrialIndex index(run);
  std::vector<CheckResult> results;
  for (const Target& target : targets) {
    std::vector<CheckResult> found =
        is_quality_metric(target.metric) ? check_quality_target(run, target) : check_target(run, index, target);
    if (found.empty()) {
      found.push_back({requirement_text(target), target.contender.empty() ? "all" : target.contender, "all",
                       CheckVerdict::kUnclear, "no contender and point of the run match this target"});
    }
    results.insert(results.end(), found.begin(), found.end());
  }
  return results;
}

}  // namespace inferbench
