// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "measure/cpu_load.hpp"

namespace inferbench {

/// The state of the machine at the start of a run, as far as it affects the quality of measurements.
struct HostState {
  std::int32_t allowed_cpus = 1;      ///< CPUs that the process may use
  std::optional<double> quota;        ///< CPU quota of a control group, in CPUs; absent: no quota
  std::int32_t threads = 1;           ///< the largest thread count of any point
  bool siblings_share_core = false;   ///< the CPUs chosen for these threads include two hyperthreads of one core
  std::optional<double> others_busy;  ///< how many allowed CPUs other programs keep busy; absent: unknown
  std::uint64_t swap_used_bytes = 0;
  std::string governor;       ///< of CPU 0; empty: unknown
  std::optional<bool> turbo;  ///< whether the frequency may rise above its base; absent: unknown
};

/// `before`: an earlier reading; the load of other programs is measured from there.
HostState read_host_state(std::int32_t threads, const std::optional<CpuTimes>& before);

/// Everything that will make times noisy or wrong, one line each.
std::vector<std::string> warnings_of(const HostState& state);

}  // namespace inferbench
