// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cstdint>
#include <optional>
#include <string>

namespace inferbench {

/// Resident memory of this process, in bytes, from /proc/self/status. Absent: unknown.
struct MemoryUse {
  std::optional<std::uint64_t> peak_rss_bytes;   ///< since the process start or the last reset of the kernel's peak
  std::optional<std::uint64_t> rss_bytes;        ///< now: the sum of the next two
  std::optional<std::uint64_t> anonymous_bytes;  ///< heap, stacks, shared memory
  std::optional<std::uint64_t> file_bytes;       ///< mapped files: shrinks under pressure, shared between processes
};
MemoryUse read_memory_use();

/// The part of the peak that is not mapped files. The kernel keeps no such value. It is estimated as the peak minus the
/// current mapped files, which is exact if no files are mapped or unmapped in between. Absent if the peak is.
constexpr std::optional<std::uint64_t> peak_anonymous_bytes(const MemoryUse& use) {
  if (!use.peak_rss_bytes || !use.file_bytes) return std::nullopt;
  return *use.peak_rss_bytes - std::min(*use.file_bytes, *use.peak_rss_bytes);
}

/// The peak resident memory of this process since the watch was constructed.
///
/// The kernel keeps one peak per process. If it cannot be reset (a read-only /proc, kernels without clear_refs), an
/// earlier, higher peak hides a later one: then the peak is known only if it exceeds the earlier one.
class PeakWatch {
 public:
  /// `clear_refs`: the file that resets the kernel's peak, see proc(5).
  explicit PeakWatch(const std::string& clear_refs = "/proc/self/clear_refs");

  /// Like read_memory_use, but the peak is absent if it may be older than the watch.
  MemoryUse seen() const;

  /// Whether the kernel's earlier peak was reset.
  bool reset() const { return reset_; }

 private:
  bool reset_ = false;
  std::optional<std::uint64_t> before_;  ///< the kernel's peak when the watch was constructed
};

/// Bytes that this process can still use: MemAvailable of the machine, or less if its control groups allow less; 0 if
/// neither can be read.
std::uint64_t available_memory_bytes();

/// Bytes of swap in use on the machine; 0 if that cannot be read.
std::uint64_t used_swap_bytes();

/// Resources used by the process since its start, all threads.
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
