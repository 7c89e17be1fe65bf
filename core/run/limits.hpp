// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "experiment/experiment.hpp"
#include "measure/cpu_load.hpp"
#include "measure/machine_limits.hpp"
#include "plugin/plugin_path.hpp"

namespace inferbench {

/// Called with a line for the user before a measurement that takes seconds.
using Say = std::function<void(std::string_view line)>;

/// A quick measurement at these thread counts, about one second each; counts above the number of usable CPUs are left
/// out. nullopt if none remains.
std::optional<MachineLimits> measure_limits(const std::vector<std::int32_t>& thread_counts, const Say& say);

/// The same at the thread counts of the experiment's points.
std::optional<MachineLimits> measure_limits(const Experiment& experiment, const Say& say);

/// Adds the limits of the contenders' devices, as far as their backends can measure them. A trial on another device has
/// no shares. `folder`: the experiment's, where plugins are looked for.
void add_device_limits(const std::vector<Contender>& contenders, const std::filesystem::path& folder,
                       const PluginPath& plugins, const Say& say, MachineLimits& limits);

/// The limits that a run's trials are compared with, those of its contenders' devices among them. nullopt if
/// measure.machine_limits is `never`, or is `auto` and the entire plan is short.
std::optional<MachineLimits> limits_for_run(const Experiment& experiment, const PluginPath& plugins, const Say& say);

/// Everything about this machine that will make times noisy or wrong, one line each. Measures the load of other
/// programs since `before`, for at least a fifth of a second.
std::vector<std::string> machine_warnings(const Experiment& experiment, const std::optional<CpuTimes>& before);

/// CPU times of the CPUs that this process may use, for machine_warnings.
std::optional<CpuTimes> cpu_times_now();

}  // namespace inferbench
