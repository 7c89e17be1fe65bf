// SPDX-License-Identifier: Apache-2.0
#include "predict/samples.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "analyze/configurations.hpp"
#include "model/hub_cache.hpp"
#include "model/model.hpp"
#include "predict/physical_terms.hpp"
#include "support/counted.hpp"
#include "support/error.hpp"
#include "support/precision.hpp"

namespace inferbench {
namespace {

// The first trial after a load pays for cold pages and caches, so it counts only if there is no other.
MeasuredConfiguration warm(MeasuredConfiguration configuration) {
  const auto cold = [](const TrialRecord* trial) { return trial->outcome.trials_since_load == 0; };
  if (!std::all_of(configuration.trials.begin(), configuration.trials.end(), cold)) {
    std::erase_if(configuration.trials, cold);
  }
  return configuration;
}

std::map<std::string, double> targets_of(const MeasuredConfiguration& configuration) {
  const MeasuredConfiguration counted = warm(configuration);
  std::map<std::string, double> measured;
  for (const char* metric : {"decode_ms_per_token", "ttft_ms", "peak_rss_bytes"}) {
    const auto value = counted.median(metric);
    if (value && *value > 0) measured[metric] = *value;
  }
  const auto load_peak = configuration.trials.front()->load.peak_rss_bytes;
  if (load_peak) measured["load_peak_rss_bytes"] = static_cast<double>(*load_peak);
  return measured;
}

// Runs on one machine repeat each other, so their trials of a configuration form one sample.
std::vector<MeasuredConfiguration> merge_repeated(std::vector<MeasuredConfiguration> configurations,
                                                  std::span<const MachineLimits* const> limits) {
  std::vector<MeasuredConfiguration> merged;
  for (MeasuredConfiguration& configuration : configurations) {
    const auto same = [&](const MeasuredConfiguration& other) {
      return other.contender == configuration.contender && other.point == configuration.point &&
             limits[other.run] == limits[configuration.run];
    };
    const auto found = std::find_if(merged.begin(), merged.end(), same);
    if (found == merged.end()) {
      merged.push_back(std::move(configuration));
    } else {
      found->trials.insert(found->trials.end(), configuration.trials.begin(), configuration.trials.end());
    }
  }
  return merged;
}

// Run folders of an earlier version do not store the shape. It is recomputed from a synthetic reference or a model that
// is still available.
std::optional<ModelConfig> find_shape(const std::string& reference) {
  try {
    return Model::open(reference).config();
  } catch (const ModelNotFound&) {
    return std::nullopt;
  }
}

void find_shapes(std::vector<MeasuredConfiguration>& configurations) {
  std::map<std::string, std::optional<ModelConfig>> found;
  for (MeasuredConfiguration& configuration : configurations) {
    if (configuration.shape) continue;
    const auto [entry, added] = found.try_emplace(configuration.point.model);
    if (added) entry->second = find_shape(configuration.point.model);
    configuration.shape = entry->second;
  }
}

Workload workload_of(const Point& point, const ModelConfig& shape) {
  return {shape, point.prompt_tokens, point.generate_tokens, point.batch, point.threads, point.past_tokens};
}

// Bytes that a decode step reads per weight, as reported by the backend, such as 0.56 for int4 with scales.
std::map<std::string, ContenderFacts> facts_of(const std::vector<MeasuredConfiguration>& configurations) {
  struct Sum {
    double bytes_per_weight = 0;
    double n = 0;
  };
  std::map<std::string, Sum> sums;
  std::map<std::string, ContenderFacts> facts;
  for (const MeasuredConfiguration& configuration : configurations) {
    if (!configuration.shape) continue;
    facts[configuration.contender].precision = configuration.precision;
    facts[configuration.contender].meaning = configuration.meaning;
    const std::string& device = configuration.trials.front()->load.device;
    facts[configuration.contender].device = device == "cpu" ? "" : device;
    Sum& sum = sums[configuration.contender];
    const auto bytes = static_cast<double>(configuration.trials.front()->load.decode_weights_bytes);
    if (bytes <= 0) continue;  // not reported
    sum.bytes_per_weight += bytes / decode_weights(*configuration.shape);
    sum.n += 1;
  }
  for (auto& [name, contender] : facts) {
    contender.bytes_per_weight = sums[name].bytes_per_weight / std::max(1.0, sums[name].n);
  }
  return facts;
}

}  // namespace

const std::vector<std::string>& prediction_targets() {
  static const std::vector<std::string> kTargets{"decode_ms_per_token", "ttft_ms", "peak_rss_bytes",
                                                 "load_peak_rss_bytes"};
  return kTargets;
}

std::string workload_text(const Workload& workload) {
  return workload_text(Point{
      {}, workload.prompt_tokens, workload.generate_tokens, workload.batch, workload.threads, workload.past_tokens});
}

Setting setting_of(const std::string& contender, const ContenderFacts& facts, const MachineLimits* limits) {
  return {contender, facts.meaning, facts.bytes_per_weight, limits, facts.device};
}

namespace {

// Coefficients with and without limits cannot be mixed.
void require_same_knowledge(const std::vector<Sample>& samples) {
  std::map<std::string, bool> knows;
  for (const Sample& sample : samples) {
    const auto [entry, added] = knows.try_emplace(sample.setting.contender, sample.setting.knows_limits());
    if (added || entry->second == sample.setting.knows_limits()) continue;
    throw Error(fmt::format("the limits of {}, the device of {}, are known in only some of the runs",
                            sample.setting.device, sample.setting.contender),
                "measure all runs with measure.machine_limits: always, or give fit only runs that have them");
  }
}

}  // namespace

TrainingSet collect_samples(std::span<const RunData> runs, std::span<const MachineLimits* const> limits) {
  std::vector<MeasuredConfiguration> configurations = merge_repeated(measured_configurations(runs), limits);
  find_shapes(configurations);
  TrainingSet set;
  set.contenders = facts_of(configurations);
  const auto shares_prefix = [](const MeasuredConfiguration& one) { return one.point.shared_prefix_tokens > 0; };
  if (const auto n = std::erase_if(configurations, shares_prefix); n > 0) {
    set.left_out.push_back(fmt::format("{} with a shared prefix", counted(n, "configuration")));
  }
  const auto of_a_node = [](const MeasuredConfiguration& one) { return !one.point.node.empty(); };
  if (const auto n = std::erase_if(configurations, of_a_node); n > 0) {
    set.left_out.push_back(
        fmt::format("{} of a merge of several nodes: name the runs of the nodes instead", counted(n, "configuration")));
  }
  std::set<std::string> unknown;
  for (const MeasuredConfiguration& configuration : configurations) {
    if (!configuration.shape) {
      if (!unknown.insert(configuration.point.model).second) continue;
      set.left_out.push_back(fmt::format("{}: run.json does not contain its shape, and the model cannot be found",
                                         configuration.point.model));
      continue;
    }
    const Setting setting =
        setting_of(configuration.contender, set.contenders.at(configuration.contender), limits[configuration.run]);
    set.samples.push_back({setting, configuration.point.model, workload_of(configuration.point, *configuration.shape),
                           targets_of(configuration)});
  }
  require_same_knowledge(set.samples);
  if (set.samples.empty()) {
    throw Error("the runs contain no successful trial to learn from", "name run folders with successful trials");
  }
  return set;
}

}  // namespace inferbench
