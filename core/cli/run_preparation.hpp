// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "experiment/experiment.hpp"
#include "plugin/plugin.hpp"
#include "results/run_info.hpp"

namespace inferbench {

/// All that run.json says of a run that starts now: hashes every plugin and model, looks at the machine. Throws Error.
RunInfo describe_run(const Experiment& experiment, const PluginPath& plugins);

/// What is likely to disturb or distort the measurements, a line each, for stderr.
std::vector<std::string> machine_warnings(const Experiment& experiment);

}  // namespace inferbench
