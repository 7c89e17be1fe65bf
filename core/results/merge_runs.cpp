// SPDX-License-Identifier: Apache-2.0
#include "results/merge_runs.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <string>
#include <utility>

#include "results/environment_difference.hpp"
#include "results/experiment_difference.hpp"
#include "results/model_identity.hpp"
#include "support/error.hpp"

namespace inferbench {

namespace {

constexpr const char* kCure = "merge joins the shards of one experiment: inferbench run EXPERIMENT.yaml --shard K/N";

void check_same_experiment(const NamedRun& first, const NamedRun& part) {
  for (const ModelIdentity& model : part.data.info.models) {
    const auto& others = first.data.info.models;
    const bool same =
        std::any_of(others.begin(), others.end(), [&](const ModelIdentity& other) { return same_model(other, model); });
    if (same) continue;
    const std::vector<std::string> changed = changed_models(first.data.info, part.data.info);
    throw Error(fmt::format("{} and {} ran different models: {}", first.folder.string(), part.folder.string(),
                            changed.empty() ? "only the second ran " + model.reference : changed.front()),
                kCure);
  }
  const std::vector<std::string> differences = experiment_differences(first.data.info, part.data.info);
  if (differences.empty()) return;
  throw Error(fmt::format("{} ran a different experiment from {}: {}", part.folder.string(), first.folder.string(),
                          fmt::join(differences, "; ")),
              kCure);
}

// Maps the part's references to the first part's: another machine may keep the same model elsewhere.
class ReferencesOf {
 public:
  ReferencesOf(const RunInfo& first, const RunInfo& part) {
    for (const ModelIdentity& model : part.models) {
      for (const ModelIdentity& other : first.models) {
        if (same_model(model, other)) references_[model.reference] = other.reference;
      }
    }
  }

  void apply(std::string& model) const {
    const auto found = references_.find(model);
    if (found != references_.end()) model = found->second;
  }

 private:
  std::map<std::string, std::string> references_;
};

// Each shard measures quality. One row per contender and model is kept: a row that is not ok if there is one, otherwise
// the first.
void add_quality(std::vector<QualityRecord>& all, QualityRecord record) {
  const auto same = std::find_if(all.begin(), all.end(), [&](const QualityRecord& other) {
    return other.contender == record.contender && other.model == record.model;
  });
  if (same == all.end()) {
    all.push_back(std::move(record));
  } else if (same->ok() && !record.ok()) {
    *same = std::move(record);
  }
}

void add_rows(RunData& whole, const NamedRun& part, const ReferencesOf& references) {
  for (const auto& [to, from] :
       {std::pair(&whole.trials, &part.data.trials), std::pair(&whole.replaced, &part.data.replaced)}) {
    for (TrialRecord trial : *from) {
      references.apply(trial.point.model);
      to->push_back(std::move(trial));
    }
  }
  for (QualityRecord record : part.data.quality) {
    references.apply(record.model);
    add_quality(whole.quality, std::move(record));
  }
}

MergedRun describe_part(const NamedRun& first, const NamedRun& part) {
  const RunInfo& info = part.data.info;
  MergedRun merged{part.folder.string(), info.started, info.environment,
                   environment_differences(first.data.info.environment, info.environment)};
  for (const PluginIdentity& plugin : info.plugins) {
    for (const PluginIdentity& other : first.data.info.plugins) {
      if (other.contender != plugin.contender || other.sha256 == plugin.sha256) continue;
      merged.differs.push_back(fmt::format("the backend of {}: a different build ({}, now {})", plugin.contender,
                                           other.build, plugin.build));
    }
  }
  return merged;
}

// All points have the same number of trials, so the total follows from the part's share of the points.
std::uint64_t planned_in_whole(const RunInfo& part) {
  std::uint64_t points = 0;
  for (std::size_t i = 0; i < part.points.size(); ++i) points += part.shard.has(static_cast<std::int32_t>(i)) ? 1U : 0U;
  return points == 0 ? part.planned_trials : part.planned_trials / points * part.points.size();
}

}  // namespace

RunData merge_runs(const std::vector<NamedRun>& parts) {
  if (parts.size() < 2) {
    throw Error(fmt::format("merge needs at least two runs, {} named", parts.empty() ? "none is" : "one is"), kCure);
  }
  RunData whole;
  whole.info = parts.front().data.info;
  whole.info.merged.clear();
  std::map<std::string, const NamedRun*> owner;  // trial id -> part
  for (const NamedRun& part : parts) {
    check_same_experiment(parts.front(), part);
    for (const TrialRecord& trial : part.data.trials) {
      const auto [earlier, is_new] = owner.emplace(trial.id, &part);
      if (!is_new) {
        throw Error(fmt::format("{} and {} both contain the trial {}", earlier->second->folder.string(),
                                part.folder.string(), trial.id),
                    kCure);
      }
    }
    whole.info.merged.push_back(describe_part(parts.front(), part));
    add_rows(whole, part, ReferencesOf(whole.info, part.data.info));
    for (const TeardownRecord& record : part.data.teardown) add_teardown(whole.teardown, record);
    if (!whole.info.machine) whole.info.machine = part.data.info.machine;
  }
  whole.info.planned_trials = planned_in_whole(parts.front().data.info);
  whole.info.shard = {};
  return whole;
}

}  // namespace inferbench
