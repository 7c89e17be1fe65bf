// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "experiment/experiment.hpp"
#include "measure/cpu_load.hpp"
#include "measure/machine_limits.hpp"

namespace inferbench {

/// Quickly, at the thread counts of the experiment's points; nullopt where all of them ask for more threads than CPUs.
std::optional<MachineLimits> measure_limits(const Experiment& experiment);

/// The same at these thread counts; those above the number of CPUs are left out.
std::optional<MachineLimits> measure_limits(const std::vector<std::int32_t>& thread_counts);

/// The limits that a run's trials are held against, for the thread counts of its points: about a second for each.
/// Absent where measure.machine_limits does not want them, or is `auto` and the whole plan is short. Says on stderr
/// that it measures.
std::optional<MachineLimits> limits_for_run(const Experiment& experiment);

/// What about this machine will make times noisy or wrong, a line each. Other programs are watched from `before` on,
/// for a fifth of a second at least.
std::vector<std::string> machine_warnings(const Experiment& experiment, const std::optional<CpuTimes>& before);

/// Of the CPUs that this process may use, for machine_warnings.
std::optional<CpuTimes> cpu_times_now();

}  // namespace inferbench
