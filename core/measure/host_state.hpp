// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace inferbench {

/// What about the machine decides whether a run can be measured well, at its start.
struct HostState {
  std::int32_t usable_cpus = 1;
  std::int32_t threads = 1;          ///< the most that a point asks for
  bool siblings_share_core = false;  ///< two of the CPUs that these threads get are one physical core
  double load = 0;                   ///< of the last minute
  std::uint64_t swap_used_bytes = 0;
  std::string governor;       ///< of the first CPU; empty where unknown
  std::optional<bool> turbo;  ///< whether the frequency may rise above its base; absent where unknown
};

HostState read_host_state(std::int32_t threads);

/// What will make times noisy or wrong, a line each.
std::vector<std::string> warnings_of(const HostState& state);

}  // namespace inferbench
