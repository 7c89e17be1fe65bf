// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "experiment/experiment.hpp"
#include "experiment/plan.hpp"
#include "measure/counter_places.hpp"
#include "model/input_files.hpp"
#include "plugin/plugin_path.hpp"
#include "results/run_info.hpp"

namespace inferbench {

/// The contents of run.json for a run that starts now: hashes every plugin and model, and examines the machine.
/// Measures neither the machine's limits nor its idle power; the caller adds the program's version. Every file that the
/// run reads is added to `files`. Throws Error.
RunInfo describe_run(const Experiment& experiment, const PluginPath& plugins, const Shard& shard, InputFiles& files,
                     const CounterPlaces& places = {});

}  // namespace inferbench
