// SPDX-License-Identifier: Apache-2.0
#include "results/merge_runs.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <map>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>

#include "results/environment_difference.hpp"
#include "results/experiment_difference.hpp"
#include "results/missing_trials.hpp"
#include "results/model_identity.hpp"
#include "results/node_name.hpp"
#include "support/error.hpp"

namespace inferbench {

namespace {

constexpr const char* kNodesCure = "merge --each-node joins complete runs of one experiment on several machines";
constexpr const char* kCure = "merge joins the shards of one experiment: inferbench run EXPERIMENT.yaml --shard K/N";

void check_same_models(const NamedRun& first, const NamedRun& part, const char* cure) {
  for (const ModelIdentity& model : part.data.info.models) {
    const auto& others = first.data.info.models;
    const bool same =
        std::any_of(others.begin(), others.end(), [&](const ModelIdentity& other) { return same_model(other, model); });
    if (same) continue;
    const std::vector<std::string> changed = changed_models(first.data.info, part.data.info);
    throw Error(fmt::format("{} and {} ran different models: {}", first.folder.string(), part.folder.string(),
                            changed.empty() ? "only the second ran " + model.reference : changed.front()),
                cure);
  }
}

void check_same_experiment(const NamedRun& first, const NamedRun& part) {
  check_same_models(first, part, kCure);
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
  MergedRun merged{part.folder.string(), info.started,
                   info.environment,     environment_differences(first.data.info.environment, info.environment),
                   info.shard,           info.machine};
  for (const PluginIdentity& plugin : info.plugins) {
    for (const PluginIdentity& other : first.data.info.plugins) {
      if (other.contender != plugin.contender || other.sha256 == plugin.sha256) continue;
      merged.differs.push_back(fmt::format("the backend of {}: a different build ({}, now {})", plugin.contender,
                                           other.build, plugin.build));
    }
  }
  return merged;
}

std::string node_name_of(const NamedRun& part) {
  const std::string node = node_of(part.data.info.environment);
  if (!node.empty()) return node;
  return std::filesystem::absolute(part.folder).lexically_normal().filename().string();
}

// The thread counts follow the machine ("all", or no axis at all), so they may differ.
void check_nodes(const NamedRun& first, const NamedRun& part) {
  check_same_models(first, part, kNodesCure);
  std::vector<std::string> differences = experiment_differences(first.data.info, part.data.info);
  std::erase_if(differences, [](const std::string& line) { return line.starts_with("sweep.threads"); });
  if (!differences.empty()) {
    throw Error(fmt::format("{} ran a different experiment from {}: {}", part.folder.string(), first.folder.string(),
                            fmt::join(differences, "; ")),
                kNodesCure);
  }
  if (part.data.info.shard.whole()) return;
  throw Error(fmt::format("{} is a shard, not a complete run", part.folder.string()),
              "merge joins shards, without --each-node");
}

// The points of all nodes: the points of a workload one after the other, so that tables show the nodes side by side.
struct NodePoints {
  std::vector<Point> points;
  std::vector<std::vector<std::size_t>> place;  ///< by part and its point: index in `points`
};

NodePoints points_of_nodes(const std::vector<NamedRun>& parts, const std::vector<std::string>& nodes,
                           const std::vector<ReferencesOf>& references) {
  struct Source {
    Point workload;
    std::size_t part = 0;
    std::size_t point = 0;
  };
  std::vector<Source> sources;
  std::vector<Point> order;  // workloads by first appearance
  NodePoints all;
  for (std::size_t i = 0; i < parts.size(); ++i) {
    const std::vector<Point>& points = parts[i].data.info.points;
    all.place.emplace_back(points.size());
    for (std::size_t j = 0; j < points.size(); ++j) {
      Point workload = points[j];
      references[i].apply(workload.model);
      if (std::find(order.begin(), order.end(), workload) == order.end()) order.push_back(workload);
      sources.push_back({std::move(workload), i, j});
    }
  }
  for (const Point& workload : order) {
    for (const Source& source : sources) {
      if (source.workload != workload) continue;
      all.place[source.part][source.point] = all.points.size();
      all.points.push_back(workload);
      all.points.back().node = nodes[source.part];
    }
  }
  return all;
}

// "p3.c1.b0" of the part's fourth point -> the id of the same trial at the point's place in the whole run.
std::string id_at(const std::string& id, const std::vector<std::size_t>& place) {
  std::size_t point = 0;
  const char* end = id.data() + id.size();
  const auto [rest, error] = std::from_chars(id.data() + std::min<std::size_t>(1, id.size()), end, point);
  if (error != std::errc() || point >= place.size()) return id;
  return fmt::format("p{}{}", place[point], std::string_view(rest, static_cast<std::size_t>(end - rest)));
}

}  // namespace

RunData merge_nodes(const std::vector<NamedRun>& parts) {
  if (parts.size() < 2) {
    throw Error(fmt::format("merge needs at least two runs, {} named", parts.empty() ? "none is" : "one is"),
                kNodesCure);
  }
  std::vector<std::string> nodes;
  std::vector<ReferencesOf> references;
  for (const NamedRun& part : parts) {
    check_nodes(parts.front(), part);
    nodes.push_back(node_name_of(part));
    references.emplace_back(parts.front().data.info, part.data.info);
    if (std::count(nodes.begin(), nodes.end(), nodes.back()) > 1) {
      throw Error(fmt::format("{} is a second run of the node {}", part.folder.string(), nodes.back()), kNodesCure);
    }
  }
  const NodePoints points = points_of_nodes(parts, nodes, references);
  RunData whole;
  whole.info = parts.front().data.info;
  whole.info.points = points.points;
  whole.info.machine.reset();
  whole.info.merged.clear();
  whole.info.planned_trials = 0;
  for (std::size_t i = 0; i < parts.size(); ++i) {
    const std::size_t first_trial = whole.trials.size();
    const std::size_t first_replaced = whole.replaced.size();
    add_rows(whole, parts[i], references[i]);
    for (const auto& [rows, begin] :
         {std::pair(&whole.trials, first_trial), std::pair(&whole.replaced, first_replaced)}) {
      for (std::size_t row = begin; row < rows->size(); ++row) {
        TrialRecord& trial = (*rows)[row];
        trial.id = id_at(trial.id, points.place[i]);
        trial.point.node = nodes[i];
        if (trial.node.empty()) trial.node = nodes[i];
      }
    }
    whole.info.merged.push_back(describe_part(parts.front(), parts[i]));
    whole.info.planned_trials += parts[i].data.info.planned_trials;
    for (const TeardownRecord& record : parts[i].data.teardown) add_teardown(whole.teardown, record);
  }
  return whole;
}

RunData merge_runs(const std::vector<NamedRun>& parts) {
  if (parts.empty() || (parts.size() == 1 && parts.front().data.info.shard.whole())) {
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
  whole.info.planned_trials = planned_in(parts.front().data.info, Shard{});
  whole.info.shard = {};
  return whole;
}

}  // namespace inferbench
