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

/// The command line's choice of what to run: exactly one of the first three.
struct RunChoice {
  std::string experiment;  ///< a YAML file; with `resume` it must be the folder's own
  std::string resume;      ///< a run folder
  std::string reproduce;   ///< a run folder or its run.json
  std::vector<std::string> overrides;
  std::string shard;       ///< "K/N"
  std::string into;        ///< the run folder itself, which `experiment` starts or continues
  bool out_given = false;  ///< --out was on the command line
};

/// The experiment to run, checked, and its origin.
struct RunSource {
  Experiment experiment;
  Shard shard;
  std::optional<RunFolder> resumed;   ///< the run to continue
  std::optional<RunInfo> reproduced;  ///< the run to compare with
  std::optional<RunInfo> moved;       ///< the description of `resumed` if its files have moved
};

/// Reads what `choice` names. Throws Error, also for contradictory combinations.
RunSource open_source(const RunChoice& choice, const PluginPath& plugins);

}  // namespace inferbench
