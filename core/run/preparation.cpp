// SPDX-License-Identifier: Apache-2.0
#include "run/preparation.hpp"

#include <fmt/format.h>

#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>
#include <system_error>
#include <utility>

#include "experiment/plan.hpp"
#include "measure/device_facts.hpp"
#include "model/model.hpp"
#include "results/environment.hpp"
#include "results/model_identity.hpp"
#include "results/utc_time.hpp"
#include "run/device_state.hpp"
#include "run/endpoint_runner.hpp"
#include "support/error.hpp"

namespace inferbench {

namespace {

void identify_file(const std::string& role, const std::vector<std::filesystem::path>& paths, InputFiles& files,
                   RunInfo& info) {
  FileIdentity identity{role, {}, files.add(role, paths)};
  for (const std::filesystem::path& path : paths) identity.paths.push_back(path.string());
  info.files.push_back(std::move(identity));
}

std::vector<PluginIdentity> identify_plugins(const Experiment& experiment, const PluginPath& plugins,
                                             InputFiles& files) {
  std::vector<PluginIdentity> identities;
  for (const Contender& contender : experiment.contenders) {
    if (contender.endpoint) {
      identities.push_back({contender.name, contender.endpoint->url, "endpoint", {}, {}, {}, false, std::nullopt});
      continue;
    }
    const PluginDescription plugin = plugins.find(contender.plugin, experiment.file.parent_path());
    const std::string path = plugin.path.string();
    const std::string hash = files.add("the backend of " + contender.name, {path});
    const bool prompt_cache = (plugin.flags & IB_FLAG_PROMPT_CACHE) != 0;
    identities.push_back({contender.name, path, plugin.name, plugin.version, plugin.build, hash, prompt_cache,
                          plugin.meaning_of(contender.precision)});
  }
  return identities;
}

// The existing files of a model's folder that say how to read its weights or how to encode text.
std::vector<std::filesystem::path> described_by(const Model& model) {
  std::vector<std::filesystem::path> found;
  for (const char* name : {"config.json", "model.safetensors.index.json", "vocab.json", "merges.txt"}) {
    std::error_code ignored;
    if (std::filesystem::exists(*model.place() / name, ignored)) found.push_back(*model.place() / name);
  }
  return found;
}

void identify_models(const Experiment& experiment, InputFiles& files, RunInfo& info) {
  for (const std::string& reference : experiment.models) {
    const Model model = Model::open(reference, experiment.file.parent_path());
    const bool has_files = !model.files().empty();
    const std::string hash = has_files ? files.add("the model " + reference, model.files()) : model.sha256();
    ModelIdentity identity{reference, model.name(), hash, model.n_parameters(), model.config()};
    for (const ModelIdentity& earlier : info.models) {
      if (!same_model(earlier, identity)) continue;
      throw Error(fmt::format("models: {} and {} are the same model (SHA-256 {}), so their points would look alike",
                              earlier.reference, reference, identity.sha256.substr(0, 12)),
                  "remove one of the two");
    }
    info.models.push_back(std::move(identity));
    if (has_files) identify_file("the configuration of " + reference, described_by(model), files, info);
  }
  make_names_distinct(info.models);
}

}  // namespace

RunInfo describe_run(const Experiment& experiment, const PluginPath& plugins, const Shard& shard, InputFiles& files,
                     const CounterPlaces& places) {
  require_endpoints(experiment);
  RunInfo info;
  info.name = experiment.name;
  info.experiment_file = experiment.file.string();
  info.resolved_yaml = experiment.resolved_yaml;
  info.baseline = experiment.baseline;
  info.contenders = experiment.contenders;
  info.points = experiment.points;
  info.blocks = experiment.measure.blocks;
  info.fresh_processes = experiment.measure.fresh_processes;
  info.prompt_rule = kPromptRule;
  info.planned_trials = make_plan(experiment, shard).size();
  info.shard = shard;
  info.started = utc_now();
  info.environment = collect_environment(device_facts(devices_of(experiment), places));
  info.plugins = identify_plugins(experiment, plugins, files);
  identify_models(experiment, files, info);
  if (experiment.prompts.file) identify_file("prompts.file", {*experiment.prompts.file}, files, info);
  for (const auto& [trace, rows] : experiment.serving.traces) {
    identify_file("the trace " + std::filesystem::path(trace).filename().string(), {trace}, files, info);
  }
  if (!experiment.serving.lengths_from.empty()) {
    identify_file("serving.lengths_from", {experiment.serving.lengths_from}, files, info);
  }
  if (experiment.quality) {
    if (experiment.quality->text) identify_file("quality.text", {*experiment.quality->text}, files, info);
    const PluginDescription reference = plugins.find(experiment.quality->reference, experiment.file.parent_path());
    identify_file("quality.reference", {reference.path}, files, info);
  }
  return info;
}

}  // namespace inferbench
