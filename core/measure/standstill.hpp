// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace inferbench {

/// Events that kept the entire process from running while the clock went on. A process that waits on purpose (for a
/// device, a lock, a timer) does not count.
struct Standstill {
  /// Time during which no thread of the process could run although none waited for a CPU: a stop signal, a frozen
  /// cgroup, a debugger, a paused virtual machine. From StandstillWatch; absent: not watched.
  std::optional<double> stalled_ms;
  std::optional<double> suspended_ms;  ///< the machine was suspended (CLOCK_BOOTTIME against CLOCK_MONOTONIC)
  bool traced = false;                 ///< a debugger or tracer was attached at the end
  bool stopped = false;                ///< the host saw the process stopped by SIGSTOP, SIGTSTP, SIGTTIN or SIGTTOU
};

/// One line for each event that makes times of `wall_s` seconds unusable. The thresholds are in standstill.cpp.
std::vector<std::string> find_standstills(const Standstill& seen, double wall_s);

/// Watches this process from construction until `seen`.
///
/// A separate thread wakes ten times per second. If it wakes late although it was not waiting for a CPU (schedstat),
/// nothing in this process ran. The other threads don't matter, so a backend that sleeps on purpose is never mistaken
/// for a stopped one. Stalls of more than 125 ms are always seen, shorter ones by chance. The thread allocates nothing,
/// and inherits the CPUs of the thread that constructs the watch.
class StandstillWatch {
 public:
  StandstillWatch();
  ~StandstillWatch();
  StandstillWatch(const StandstillWatch&) = delete;
  StandstillWatch& operator=(const StandstillWatch&) = delete;

  /// Ends the watch. The host fills in `stopped`.
  Standstill seen();

  /// The id of the watching thread, whose own CPU waits must not count; 0: none.
  std::int32_t thread_id() const;

 private:
  struct Thread;
  std::unique_ptr<Thread> thread_;  ///< null if it could not be started
  std::optional<std::int64_t> asleep_ns_;
};

}  // namespace inferbench
