// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "experiment/experiment.hpp"
#include "experiment/plan.hpp"
#include "plugin/plugin_path.hpp"
#include "results/run_folder.hpp"

namespace inferbench {

/// What the command line says of what to run: exactly one of the three.
struct RunChoice {
  std::string experiment;  ///< a YAML file; beside `resume` it must be the folder's own
  std::string resume;      ///< a run folder
  std::string reproduce;   ///< a run folder, or its run.json
  std::vector<std::string> overrides;
  std::string shard;       ///< "K/N"
  bool out_given = false;  ///< --out was on the command line
};

/// What to run, checked, and where it came from.
struct RunSource {
  Experiment experiment;
  Shard shard;
  std::optional<RunFolder> resumed;   ///< to go on with
  std::optional<RunInfo> reproduced;  ///< to compare with
  std::optional<RunInfo> moved;       ///< the description of `resumed` where its files are elsewhere now
};

/// Reads what `choice` names. Throws Error, also for combinations that contradict each other.
RunSource open_source(const RunChoice& choice, const PluginPath& plugins);

}  // namespace inferbench
