// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sched.h>

#include <cstdint>
#include <string>

namespace inferbench::conformance {

/// Threads of this process now, except those that are exiting, so that joined threads are not counted.
int n_threads_now();
/// Open file descriptors of this process now.
int n_descriptors_now();
/// Resident anonymous bytes of this process now.
std::uint64_t anonymous_bytes_now();
/// CPUs that the calling thread may use.
cpu_set_t affinity_now();

/// Captures what this process writes to stdout (descriptor 1) from construction on.
class StdoutCapture {
 public:
  StdoutCapture();
  ~StdoutCapture();
  StdoutCapture(const StdoutCapture&) = delete;
  StdoutCapture& operator=(const StdoutCapture&) = delete;

  /// Restores stdout. Returns what was written in the meantime.
  std::string stop();

 private:
  int original_ = -1;
  int file_ = -1;
};

}  // namespace inferbench::conformance
