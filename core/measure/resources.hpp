// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

namespace inferbench {

/// Resident memory of this process, in bytes, from /proc/self/status; zeros where that cannot be read.
struct MemoryUse {
  std::uint64_t peak_rss_bytes = 0;   ///< since the start or the last reset_peak_rss
  std::uint64_t rss_bytes = 0;        ///< now: the sum of the next two
  std::uint64_t anonymous_bytes = 0;  ///< heap, stacks, shared memory
  std::uint64_t file_bytes = 0;       ///< mapped files: shrinks under pressure, shared between processes
};
MemoryUse read_memory_use();

/// The part of the peak that is no mapped file. The kernel keeps no such peak: it is the peak less the mapped files as
/// they are now, which is right while files are neither mapped nor unmapped in between.
constexpr std::uint64_t peak_anonymous_bytes(const MemoryUse& use) {
  return use.peak_rss_bytes - (use.file_bytes < use.peak_rss_bytes ? use.file_bytes : use.peak_rss_bytes);
}

/// Forgets the peak, so that read_memory_use speaks of what comes after. False where the kernel does not allow it.
bool reset_peak_rss();

/// MemAvailable of the machine, in bytes; 0 where that cannot be read.
std::uint64_t available_memory_bytes();

/// Swap of the machine in use, in bytes; 0 where that cannot be read.
std::uint64_t used_swap_bytes();

/// What the process has spent since its start, all threads.
struct ResourceUse {
  double cpu_s = 0;
  std::int64_t involuntary_switches = 0;
  std::int64_t major_faults = 0;
};
ResourceUse read_resource_use();

constexpr ResourceUse operator-(const ResourceUse& end, const ResourceUse& begin) {
  return {end.cpu_s - begin.cpu_s, end.involuntary_switches - begin.involuntary_switches,
          end.major_faults - begin.major_faults};
}

}  // namespace inferbench
