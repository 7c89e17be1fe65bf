// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <vector>

namespace inferbench {

/// CPU time spent up to a moment, in seconds.
struct CpuTimes {
  std::uint64_t at_ns = 0;  ///< now_ns()
  double all_s = 0;         ///< by everything, on the CPUs that this process may use
  double own_s = 0;         ///< by this process and its children that have ended

  friend bool operator==(const CpuTimes&, const CpuTimes&) = default;
};

/// nullopt where the kernel does not tell. `cpus` are those that this process may use.
std::optional<CpuTimes> read_cpu_times(const std::vector<int>& cpus, const std::filesystem::path& stat = "/proc/stat");

/// How many of these CPUs other programs kept busy between two readings: 1.5 is one and a half. Both are of the same
/// CPUs, so this holds under taskset and in a container, too. nullopt where a reading is missing or they are too near.
std::optional<double> cpus_busy_with_others(const std::optional<CpuTimes>& before,
                                            const std::optional<CpuTimes>& after);

}  // namespace inferbench
