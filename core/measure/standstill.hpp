// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace inferbench {

/// What kept a whole process from running while the clock went on, as opposed to a process that waits by its own will
/// (for a device, a lock, a timer).
struct Standstill {
  /// That no thread of the process could run although none waited for a CPU: a stop signal, a frozen cgroup, a
  /// debugger, a paused virtual machine. From StandstillWatch; absent: not watched.
  std::optional<double> stalled_ms;
  std::optional<double> suspended_ms;  ///< that the machine slept (CLOCK_BOOTTIME against CLOCK_MONOTONIC)
  bool traced = false;                 ///< a debugger or tracer was attached at the end
  bool stopped = false;                ///< the host saw a stop signal take effect: SIGSTOP, SIGTSTP, SIGTTIN, SIGTTOU
};

/// One line for each that makes times of `wall_s` seconds unusable. The thresholds are in standstill.cpp.
std::vector<std::string> find_standstills(const Standstill& seen, double wall_s);

/// Watches this process from its construction to `seen`.
///
/// A thread of its own wakes ten times a second. Where it wakes late, and was not waiting for a CPU (schedstat),
/// nothing in this process ran: it does not matter what the other threads meant to do, so a backend that sleeps by
/// design is never taken for a stopped one. Stalls of more than 125 ms are always seen, shorter ones by chance. The
/// thread allocates nothing, and inherits the CPUs that the maker of the watch may use.
class StandstillWatch {
 public:
  StandstillWatch();
  ~StandstillWatch();
  StandstillWatch(const StandstillWatch&) = delete;
  StandstillWatch& operator=(const StandstillWatch&) = delete;

  /// Ends the watch. `stopped` is the host's to fill in.
  Standstill seen();

  /// The watching thread's id, whose own waits are not the process's; 0: none.
  std::int32_t thread_id() const;

 private:
  struct Thread;
  std::unique_ptr<Thread> thread_;  ///< null where it could not be started
  std::optional<std::int64_t> asleep_ns_;
};

}  // namespace inferbench
