// SPDX-License-Identifier: Apache-2.0
#include "results/node_differences.hpp"

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>
#include <utility>

#include "experiment/metrics.hpp"
#include "results/node_name.hpp"
#include "results/paired_ratio.hpp"
#include "results/trial_index.hpp"
#include "stats/log_ratio.hpp"

namespace inferbench {

namespace {

constexpr double kSmallest = 0.02;  // of a difference that is worth a note

std::string cpu_of(const std::string& environment) {
  const nlohmann::json json = nlohmann::json::parse(environment, nullptr, false);
  const nlohmann::json::json_pointer place("/cpu/model");
  if (!json.is_object() || !json.contains(place) || !json.at(place).is_string()) return {};
  return json.at(place).get<std::string>();
}

// The nodes of each kind, for kinds with several nodes.
std::vector<std::vector<std::string>> nodes_by_kind(const RunInfo& info) {
  std::map<std::string, std::set<std::string>> kinds;
  for (const MergedRun& part : info.merged) {
    const std::string node = node_of(part.environment);
    if (!node.empty()) kinds[cpu_of(part.environment)].insert(node);
  }
  std::vector<std::vector<std::string>> found;
  for (const auto& [cpu, nodes] : kinds) {
    if (!cpu.empty() && nodes.size() > 1) found.emplace_back(nodes.begin(), nodes.end());
  }
  return found;
}

using Samples = std::map<std::string, std::vector<double>>;  // by node

const std::vector<double>& values_at(const Samples& samples, const std::string& node) {
  static const std::vector<double> kNone;
  const auto found = samples.find(node);
  return found == samples.end() ? kNone : found->second;
}

// Milliseconds of the fixed work. Disturbed trials tell something about other programs, not about the node.
Samples spins_of(const RunData& run) {
  Samples spins;
  for (const TrialRecord& trial : run.trials) {
    const double spin = trial.outcome.interference.spin_ms;
    if (!trial.node.empty() && !trial.disturbed() && spin > 0) spins[trial.node].push_back(spin);
  }
  return spins;
}

// The metric's values at one workload by one contender.
std::vector<Samples> samples_by_workload(const RunData& run, const TrialIndex& index, const std::string& metric) {
  std::vector<Samples> all;
  for (std::size_t contender = 0; contender < run.info.contenders.size(); ++contender) {
    std::map<Point, Samples> workloads;
    for (std::size_t point = 0; point < run.info.points.size(); ++point) {
      Point workload = run.info.points[point];
      const std::string node = std::exchange(workload.node, {});
      std::vector<double> values = trial_values(index.at(point, contender), metric);
      std::erase_if(values, [](double value) { return !(value > 0); });
      workloads[workload][node] = std::move(values);
    }
    for (auto& [workload, samples] : workloads) all.push_back(std::move(samples));
  }
  return all;
}

// Speed of `node` relative to `other`: at the points that both have, or by the fixed work.
class NodeSpeeds {
 public:
  NodeSpeeds(const RunData& run, const TrialIndex& index, std::string metric) : metric_(std::move(metric)) {
    if (metric_.empty()) {
      spins_ = spins_of(run);
    } else {
      workloads_ = samples_by_workload(run, index, metric_);
    }
  }

  const std::string& metric() const { return metric_; }

  std::optional<LogRatio> operator()(const std::string& node, const std::string& other) const {
    // Spins are times: the inverse of speeds.
    if (metric_.empty()) return independent_log_ratio(values_at(spins_, other), values_at(spins_, node));
    std::vector<LogRatio> ratios;
    for (const Samples& samples : workloads_) {
      const auto ratio = independent_log_ratio(values_at(samples, node), values_at(samples, other));
      if (ratio) ratios.push_back(*ratio);
    }
    return mean_log_ratio(ratios);
  }

 private:
  std::string metric_;
  Samples spins_;
  std::vector<Samples> workloads_;
};

bool clearly_differs(const SpeedRatio& speed) {
  if (!speed.interval || std::abs(speed.ratio - 1) < kSmallest) return false;
  return speed.interval->low > 1 || speed.interval->high < 1;
}

// The difference in one direction, if the node differs from most others.
std::optional<NodeDifference> difference_of(const std::vector<std::string>& kind, const std::string& node,
                                            const NodeSpeeds& speeds, double level, bool faster) {
  NodeDifference found{node, speeds.metric(), kind.size() - 1, 0, {}, {}};
  for (const std::string& other : kind) {
    if (other == node) continue;
    const auto ratio = speeds(node, other);
    if (!ratio) continue;
    const SpeedRatio speed = to_speed_ratio(*ratio, level);
    if (!clearly_differs(speed) || (speed.ratio > 1) != faster) continue;
    const bool nearer = std::abs(std::log(speed.ratio)) < std::abs(std::log(found.speed.ratio));
    if (found.differs++ == 0 || nearer) {
      found.nearest = other;
      found.speed = speed;
    }
  }
  if (2 * found.differs <= found.others) return std::nullopt;
  return found;
}

bool has_node_axis(const RunInfo& info) {
  return std::any_of(info.points.begin(), info.points.end(), [](const Point& point) { return !point.node.empty(); });
}

}  // namespace

std::vector<NodeDifference> find_node_differences(const RunData& run) {
  std::vector<NodeDifference> found;
  const auto kinds = nodes_by_kind(run.info);
  if (kinds.empty()) return found;
  const std::vector<std::string> metrics =
      has_node_axis(run.info) ? metrics_with(&Metric::headline) : std::vector<std::string>{""};
  std::size_t pairs = 0;
  for (const auto& kind : kinds) pairs += kind.size() * (kind.size() - 1) / 2 * metrics.size();
  const double level = 1 - (1 - kVerdictLevel) / static_cast<double>(pairs);
  const TrialIndex index(run);
  for (const std::string& metric : metrics) {
    const NodeSpeeds speeds(run, index, metric);
    for (const auto& kind : kinds) {
      for (const std::string& node : kind) {
        for (const bool faster : {false, true}) {
          if (faster && kind.size() == 2) continue;  // the other one is slower
          if (auto difference = difference_of(kind, node, speeds, level, faster)) found.push_back(*difference);
        }
      }
    }
  }
  return found;
}

std::map<std::string, std::size_t> points_by_node(const RunData& run) {
  std::map<std::string, std::set<Point>> points;
  for (const TrialRecord& trial : run.trials) {
    if (!trial.node.empty()) points[trial.node].insert(trial.point);
  }
  std::map<std::string, std::size_t> counts;
  for (const auto& [node, own] : points) counts[node] = own.size();
  return counts;
}

}  // namespace inferbench
