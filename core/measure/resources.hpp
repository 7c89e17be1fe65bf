// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cstdint>
#include <optional>
#include <string>

namespace inferbench {

/// Resident memory of this process, in bytes, from /proc/self/status. Absent: unknown.
struct MemoryUse {
  std::optional<std::uint64_t> peak_rss_bytes;   ///< since the start or the last reset of the kernel's peak
  std::optional<std::uint64_t> rss_bytes;        ///< now: the sum of the next two
  std::optional<std::uint64_t> anonymous_bytes;  ///< heap, stacks, shared memory
  std::optional<std::uint64_t> file_bytes;       ///< mapped files: shrinks under pressure, shared between processes
};
MemoryUse read_memory_use();

/// The part of the peak that is no mapped file. The kernel keeps no such peak: it is the peak less the mapped files as
/// they are now, which is right while files are neither mapped nor unmapped in between. Absent where the peak is.
constexpr std::optional<std::uint64_t> peak_anonymous_bytes(const MemoryUse& use) {
  if (!use.peak_rss_bytes || !use.file_bytes) return std::nullopt;
  return *use.peak_rss_bytes - std::min(*use.file_bytes, *use.peak_rss_bytes);
}

/// The most resident memory of this process since the watch was made.
///
/// The kernel keeps one peak per process. Where that cannot be reset (a read-only /proc, kernels without clear_refs),
/// an earlier peak hides a lower one: then the peak is known only if it rises above the earlier one.
class PeakWatch {
 public:
  /// `clear_refs`: the file that resets the kernel's peak, see proc(5).
  explicit PeakWatch(const std::string& clear_refs = "/proc/self/clear_refs");

  /// As read_memory_use; the peak is absent where it may be from before.
  MemoryUse seen() const;

  /// Whether the kernel forgot the earlier peak.
  bool reset() const { return reset_; }

 private:
  bool reset_ = false;
  std::optional<std::uint64_t> before_;  ///< the kernel's peak when the watch was made
};

/// What this process can still take, in bytes: MemAvailable of the machine, or what its control groups leave it where
/// that is less; 0 where neither can be read.
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
