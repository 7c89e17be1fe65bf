// SPDX-License-Identifier: Apache-2.0
#include "results/merge_runs.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <map>
#include <string>

#include "results/environment_difference.hpp"
#include "support/error.hpp"

namespace inferbench {

namespace {

constexpr const char* kCure = "merge joins the shards of one experiment: inferbench run EXPERIMENT.yaml --shard K/N";

void check_same_experiment(const NamedRun& first, const NamedRun& part) {
  if (part.data.info.resolved_yaml != first.data.info.resolved_yaml) {
    throw Error(fmt::format("{} is another experiment than {}", part.folder.string(), first.folder.string()), kCure);
  }
  for (const ModelIdentity& model : part.data.info.models) {
    const auto& others = first.data.info.models;
    const bool same = std::any_of(others.begin(), others.end(), [&](const ModelIdentity& other) {
      return other.reference == model.reference && other.sha256 == model.sha256;
    });
    if (!same) {
      throw Error(fmt::format("{} and {} ran another model under the name {}", first.folder.string(),
                              part.folder.string(), model.reference),
                  kCure);
    }
  }
}

MergedRun describe_part(const NamedRun& first, const NamedRun& part) {
  const RunInfo& info = part.data.info;
  MergedRun merged{part.folder.string(), info.started, info.environment,
                   environment_differences(first.data.info.environment, info.environment)};
  for (const PluginIdentity& plugin : info.plugins) {
    for (const PluginIdentity& other : first.data.info.plugins) {
      if (other.contender != plugin.contender || other.sha256 == plugin.sha256) continue;
      merged.differs.push_back(
          fmt::format("the backend of {}: another build ({}, now {})", plugin.contender, other.build, plugin.build));
    }
  }
  return merged;
}

// Every point has as many trials as any other.
std::uint64_t planned_in_whole(const RunInfo& part) {
  std::uint64_t points = 0;
  for (std::size_t i = 0; i < part.points.size(); ++i) points += part.shard.has(static_cast<std::int32_t>(i)) ? 1U : 0U;
  return points == 0 ? part.planned_trials : part.planned_trials / points * part.points.size();
}

}  // namespace

RunData merge_runs(const std::vector<NamedRun>& parts) {
  if (parts.size() < 2) throw Error("merge needs at least two run folders", kCure);
  RunData whole;
  whole.info = parts.front().data.info;
  whole.info.merged.clear();
  std::map<std::string, const NamedRun*> owner;  // of a trial
  for (const NamedRun& part : parts) {
    check_same_experiment(parts.front(), part);
    for (const TrialRecord& trial : part.data.trials) {
      const auto [earlier, is_new] = owner.emplace(trial.id, &part);
      if (!is_new) {
        throw Error(fmt::format("{} and {} both hold the trial {}", earlier->second->folder.string(),
                                part.folder.string(), trial.id),
                    kCure);
      }
    }
    whole.info.merged.push_back(describe_part(parts.front(), part));
    whole.trials.insert(whole.trials.end(), part.data.trials.begin(), part.data.trials.end());
    whole.replaced.insert(whole.replaced.end(), part.data.replaced.begin(), part.data.replaced.end());
    if (!whole.info.machine) whole.info.machine = part.data.info.machine;
  }
  whole.info.planned_trials = planned_in_whole(parts.front().data.info);
  whole.info.shard = {};
  return whole;
}

}  // namespace inferbench
