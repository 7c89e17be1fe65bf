// SPDX-License-Identifier: Apache-2.0
#include "cli/run_preparation.hpp"

#include <fmt/format.h>

#include <filesystem>
#include <map>
#include <optional>
#include <utility>

#include "experiment/plan.hpp"
#include "model/model.hpp"
#include "model/sha256.hpp"
#include "results/environment.hpp"
#include "results/model_identity.hpp"
#include "results/utc_time.hpp"
#include "support/error.hpp"

namespace inferbench {

namespace {

std::vector<PluginIdentity> identify_plugins(const Experiment& experiment, const PluginPath& plugins) {
  std::map<std::string, std::string> hashes;  // contenders share libraries
  std::vector<PluginIdentity> identities;
  for (const Contender& contender : experiment.contenders) {
    const PluginDescription plugin = plugins.find(contender.plugin, experiment.file.parent_path());
    const std::string path = plugin.path.string();
    auto& hash = hashes[path];
    if (hash.empty()) hash = sha256_of_file(path);
    identities.push_back({contender.name, path, plugin.name, plugin.version, plugin.build, hash});
  }
  return identities;
}

std::vector<ModelIdentity> identify_models(const Experiment& experiment) {
  std::vector<ModelIdentity> identities;
  for (const std::string& reference : experiment.models) {
    const Model model = Model::open(reference, experiment.file.parent_path());
    ModelIdentity identity{reference, model.name(), model.sha256(), model.n_parameters(), model.config()};
    for (const ModelIdentity& earlier : identities) {
      if (!same_model(earlier, identity)) continue;
      throw Error(fmt::format("models: {} and {} are copies of one model (SHA-256 {}): their points could not be told "
                              "apart",
                              earlier.reference, reference, identity.sha256.substr(0, 12)),
                  "take one of the two out");
    }
    identities.push_back(std::move(identity));
  }
  make_names_distinct(identities);
  return identities;
}

std::vector<FileIdentity> identify_files(const Experiment& experiment) {
  std::vector<FileIdentity> identities;
  const auto add = [&](const std::optional<std::filesystem::path>& path) {
    if (path) identities.push_back({path->string(), sha256_of_file(*path)});
  };
  add(experiment.prompts.file);
  if (experiment.quality) add(experiment.quality->text);
  return identities;
}

}  // namespace

RunInfo describe_run(const Experiment& experiment, const PluginPath& plugins, const Shard& shard) {
  RunInfo info;
  info.name = experiment.name;
  info.experiment_file = experiment.file.string();
  info.resolved_yaml = experiment.resolved_yaml;
  info.baseline = experiment.baseline;
  info.contenders = experiment.contenders;
  info.points = experiment.points;
  info.blocks = experiment.measure.blocks;
  info.fresh_processes = experiment.measure.fresh_processes;
  info.planned_trials = make_plan(experiment, shard).size();
  info.shard = shard;
  info.program = std::string("inferbench ") + INFERBENCH_VERSION;
  info.started = utc_now();
  info.environment = collect_environment();
  info.plugins = identify_plugins(experiment, plugins);
  info.models = identify_models(experiment);
  info.files = identify_files(experiment);
  return info;
}

}  // namespace inferbench
