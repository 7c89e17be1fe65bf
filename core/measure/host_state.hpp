// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "measure/cpu_load.hpp"

namespace inferbench {

/// What about the machine decides whether a run can be measured well, at its start.
struct HostState {
  std::int32_t allowed_cpus = 1;      ///< that the process may use
  std::optional<double> quota;        ///< CPUs' worth of time that a control group gives; absent: no quota
  std::int32_t threads = 1;           ///< the most that a point asks for
  bool siblings_share_core = false;   ///< two of the CPUs that these threads get are one physical core
  std::optional<double> others_busy;  ///< CPUs of these that other programs keep busy; absent where unknown
  std::uint64_t swap_used_bytes = 0;
  std::string governor;       ///< of the first CPU; empty where unknown
  std::optional<bool> turbo;  ///< whether the frequency may rise above its base; absent where unknown
};

/// `before`: an earlier reading, from which on other programs are watched.
HostState read_host_state(std::int32_t threads, const std::optional<CpuTimes>& before);

/// What will make times noisy or wrong, a line each.
std::vector<std::string> warnings_of(const HostState& state);

}  // namespace inferbench
