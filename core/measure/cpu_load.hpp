// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <vector>

namespace inferbench {

/// CPU time used up to a moment, in seconds.
struct CpuTimes {
  std::uint64_t at_ns = 0;  ///< now_ns()
  double all_s = 0;         ///< by all programs, on the CPUs that this process may use
  double own_s = 0;         ///< by this process and its terminated children

  friend bool operator==(const CpuTimes&, const CpuTimes&) = default;
};

/// nullopt if the kernel does not say. `cpus` are the CPUs that this process may use.
std::optional<CpuTimes> read_cpu_times(const std::vector<int>& cpus, const std::filesystem::path& stat = "/proc/stat");

/// How many of these CPUs other programs kept busy between two readings; 1.5 means one and a half. Both readings are
/// for the same CPUs, so this also works under taskset and in a container. nullopt if a reading is missing or the
/// readings are too close together.
std::optional<double> cpus_busy_with_others(const std::optional<CpuTimes>& before,
                                            const std::optional<CpuTimes>& after);

}  // namespace inferbench
