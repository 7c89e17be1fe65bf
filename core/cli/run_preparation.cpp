// SPDX-License-Identifier: Apache-2.0
#include "cli/run_preparation.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <map>

#include "cli/common_options.hpp"
#include "experiment/plan.hpp"
#include "model/model.hpp"
#include "model/sha256.hpp"
#include "results/environment.hpp"
#include "results/utc_time.hpp"

namespace inferbench {

namespace {

std::vector<PluginIdentity> identify_plugins(const Experiment& experiment, const PluginPath& plugins) {
  std::map<std::string, std::string> hashes;  // contenders share libraries
  std::vector<PluginIdentity> identities;
  for (const Contender& contender : experiment.contenders) {
    const Plugin plugin = plugins.find(contender.plugin, experiment.file.parent_path());
    const std::string path = plugin.path().string();
    auto& hash = hashes[path];
    if (hash.empty()) hash = sha256_of_file(path);
    identities.push_back({contender.name, path, std::string(plugin.name()), std::string(plugin.version()),
                          std::string(plugin.build()), hash});
  }
  return identities;
}

std::vector<ModelIdentity> identify_models(const Experiment& experiment) {
  std::vector<ModelIdentity> identities;
  for (const std::string& reference : experiment.models) {
    const Model model = Model::open(reference, experiment.file.parent_path());
    identities.push_back({reference, model.name(), model.sha256(), model.n_parameters(), model.config()});
  }
  return identities;
}

double load_average() {
  double load = 0;
  return getloadavg(&load, 1) == 1 ? load : 0;
}

}  // namespace

RunInfo describe_run(const Experiment& experiment, const PluginPath& plugins) {
  RunInfo info;
  info.name = experiment.name;
  info.experiment_file = experiment.file.string();
  info.resolved_yaml = experiment.resolved_yaml;
  info.baseline = experiment.baseline;
  info.contenders = experiment.contenders;
  info.points = experiment.points;
  info.blocks = experiment.measure.blocks;
  info.planned_trials = make_plan(experiment).size();
  info.program = std::string("inferbench ") + INFERBENCH_VERSION;
  info.started = utc_now();
  info.environment = collect_environment();
  info.plugins = identify_plugins(experiment, plugins);
  info.models = identify_models(experiment);
  return info;
}

std::vector<std::string> machine_warnings(const Experiment& experiment) {
  std::vector<std::string> warnings;
  const std::int32_t cpus = usable_cpus();
  std::int32_t threads = 1;
  for (const Point& point : experiment.points) threads = std::max(threads, point.threads);
  if (threads > cpus) {
    warnings.push_back(fmt::format("{} threads on {} usable CPUs: they will wait for each other", threads, cpus));
  }
  if (const double load = load_average(); load > 0.5) {
    warnings.push_back(fmt::format("the machine is busy (load {:.1f}): times will be noisy", load));
  }
  std::ifstream governor_file("/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor");
  if (std::string governor; governor_file >> governor && governor != "performance") {
    warnings.push_back(
        fmt::format("the frequency governor is '{}': times may drift ('performance' holds still)", governor));
  }
  return warnings;
}

}  // namespace inferbench
