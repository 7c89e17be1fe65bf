// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "experiment/experiment.hpp"
#include "experiment/plan.hpp"
#include "model/input_files.hpp"
#include "plugin/plugin_path.hpp"
#include "results/run_info.hpp"

namespace inferbench {

/// All that run.json says of a run that starts now: hashes every plugin and model, looks at the machine. The limits of
/// the machine are not measured, and the program's version is the caller's to add. Every file that the run reads is
/// added to `files`. Throws Error.
RunInfo describe_run(const Experiment& experiment, const PluginPath& plugins, const Shard& shard, InputFiles& files);

}  // namespace inferbench
