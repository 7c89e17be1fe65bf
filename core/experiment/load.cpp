// SPDX-License-Identifier: Apache-2.0
#include "experiment/load.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "experiment/bounds.hpp"
#include "experiment/contenders.hpp"
#include "experiment/document.hpp"
#include "experiment/endpoint_entry.hpp"
#include "experiment/plan.hpp"
#include "experiment/resolved.hpp"
#include "experiment/section.hpp"
#include "experiment/serving_lengths.hpp"
#include "experiment/settings.hpp"
#include "experiment/sweep.hpp"
#include "experiment/targets.hpp"
#include "experiment/yaml_value.hpp"
#include "plugin/plugin_path.hpp"
#include "support/counted.hpp"
#include "support/suggest.hpp"

namespace inferbench {
namespace {

bool is_name_character(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '-' || c == '.';
}

// The name becomes a folder in results/, which limits its characters.
bool is_name(const std::string& name) {
  return !name.empty() && name.size() <= kMaxNameBytes && name.front() != '.' &&
         std::all_of(name.begin(), name.end(), is_name_character);
}

std::string read_name(const YamlNode& root, const std::filesystem::path& path) {
  const YamlNode* node = optional_value(root, "name");
  if (node != nullptr) {
    std::string name = read_text(*node, "name");
    if (!is_name(name)) {
      fail_type(*node, "name",
                fmt::format("at most {} letters, digits, '_', '-' and '.', not starting with '.'", kMaxNameBytes));
    }
    return name;
  }
  std::string name = path.stem().string();
  std::replace_if(
      name.begin(), name.end(), [](char c) { return !is_name_character(c); }, '_');
  return is_name(name) ? name : "experiment";
}

const YamlNode& required(const YamlNode& root, const char* key, const char* example) {
  const YamlEntry* entry = root.find(key);
  if (entry == nullptr) fail(root.at, fmt::format("'{}' is missing, expected for example {}", key, example), "add it");
  return entry->value;
}

void check_trials(const Experiment& experiment, const YamlNode& root) {
  const auto pairs = static_cast<std::int64_t>(experiment.points.size() * experiment.contenders.size());
  const std::int64_t repetitions = most_blocks(experiment.measure) + experiment.measure.warmup;
  const std::int64_t trials = pairs * repetitions;
  if (trials <= kMaxTrials) return;
  const YamlEntry* measure = root.find("measure");
  fail(measure == nullptr ? root.at : measure->at,
       fmt::format("{} x {} x {} make {}, expected at most {}", counted(experiment.points.size(), "point"),
                   counted(experiment.contenders.size(), "contender"), counted(repetitions, "repetition"),
                   counted(trials, "trial"), kMaxTrials),
       "use fewer blocks, points or contenders");
}

std::vector<ModelWords> words_of(const std::vector<SweepModel>& models) {
  std::vector<ModelWords> words;
  for (const SweepModel& model : models) words.push_back({model.facts.reference, {model.written, model.facts.name}});
  return words;
}

Experiment build(const YamlNode& root, const std::filesystem::path& path, const ExperimentLookups& lookups) {
  check_map(root, experiment_keys(), "");
  Experiment experiment;
  experiment.file = path;
  experiment.name = read_name(root, path);
  ContenderList list = read_contenders(required(root, "backends", "backends: [cpu_ref]"), lookups);
  experiment.contenders = list.contenders;
  experiment.left_out = std::move(list.left_out);
  experiment.baseline = read_baseline(root, experiment.contenders);
  const std::vector<SweepModel> models = read_models(required(root, "models", "models: [synthetic:gpt2]"), lookups);
  for (const SweepModel& model : models) {
    experiment.models.push_back(model.facts.reference);
    experiment.model_facts.push_back(model.facts);
  }
  experiment.measure = read_measure(optional_value(root, "measure"), lookups);
  const std::vector<int>& cpus = experiment.measure.cpus;
  const std::int32_t most_threads =
      cpus.empty() ? std::max(lookups.usable_cpus, lookups.most_threads) : static_cast<std::int32_t>(cpus.size());
  Sweep sweep = read_sweep(optional_value(root, "sweep"), root.at, models, usable_of(cpus, lookups), most_threads);
  experiment.serving = read_serving(optional_value(root, "serving"));
  add_deliveries(experiment.serving, sweep.scenarios);
  add_scenarios(sweep.scenarios, lookups, experiment.serving);
  if (!experiment.serving.scenarios.empty()) {
    add_file_lengths(optional_value(root, "serving"), experiment.model_facts, lookups, experiment.serving);
  }
  check_searches(sweep.scenarios, experiment.serving);
  check_tokenizers(optional_value(root, "serving"), experiment.serving, experiment.model_facts, lookups);
  if (experiment.serving.scenarios.empty()) experiment.serving = {};  // nothing uses it
  experiment.points = sweep_points(sweep, models, experiment.serving);
  if (list.endpoint_at) check_endpoints(experiment, *list.endpoint_at);
  experiment.prompts =
      read_prompts(optional_value(root, "prompts"), experiment.points, experiment.model_facts, lookups);
  experiment.load = read_load(optional_value(root, "load"));
  experiment.limits = read_limits(optional_value(root, "limits"));
  check_durations(sweep.scenarios, experiment.serving, experiment.limits.timeout_s);
  experiment.quality = read_quality(optional_value(root, "quality"), list, experiment.model_facts, lookups);
  const TargetScope scope{experiment.contenders,
                          experiment.points,
                          words_of(models),
                          experiment.quality.has_value(),
                          experiment.quality && experiment.quality->text,
                          true};
  experiment.targets = read_targets(optional_value(root, "targets"), scope);
  experiment.regressions = read_regressions(optional_value(root, "regressions"), scope);
  experiment.interactive = read_interactive(optional_value(root, "interactive"));
  check_trials(experiment, root);
  experiment.resolved_yaml = resolve_yaml(experiment, sweep);
  return experiment;
}

}  // namespace

Experiment load_experiment_text(const std::string& text, const std::filesystem::path& path,
                                const std::vector<std::string>& overrides, const ExperimentLookups& lookups) {
  return build(read_document(text, path, overrides, lookups), absolute_path(path), lookups);
}

Experiment load_experiment(const std::filesystem::path& path, const std::vector<std::string>& overrides,
                           const ExperimentLookups& lookups) {
  return load_experiment_text(lookups.read_file(path), path, overrides, lookups);
}

Experiment load_experiment(const std::filesystem::path& path, const std::vector<std::string>& overrides,
                           const PluginPath& plugins) {
  return load_experiment(path, overrides, real_lookups(plugins));
}

}  // namespace inferbench
