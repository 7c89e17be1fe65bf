// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "measure/cgroup.hpp"
#include "measure/resources.hpp"
#include "measure/standstill.hpp"

namespace inferbench {

/// What else the machine did around a trial, as far as the worker can see it. Absent: this machine does not tell.
struct Interference {
  double spin_ms = 0;                  ///< a fixed piece of work just before the trial; 0: not timed
  std::optional<double> run_delay_ms;  ///< that the worker's threads together waited for a CPU
  std::optional<double> steal_ms;      ///< that a hypervisor took from the trial's CPUs together
  std::optional<double> throttled_ms;  ///< that CPU quotas of control groups held threads back
  std::optional<double> mhz;           ///< frequency of the trial's first CPU, just after
  Standstill standstill;
};

/// Watches one trial on `cpus`: construct before, call `seen` after.
class InterferenceWatch {
 public:
  /// Spins about a millisecond on the calling thread. `standstill` was made before that thread was bound to `cpus`, so
  /// that it may wake up on others; it outlives this.
  InterferenceWatch(std::vector<int> cpus, StandstillWatch& standstill);

  /// Once: it ends `standstill`.
  Interference seen() const;

 private:
  StandstillWatch& standstill_;
  std::vector<int> cpus_;
  double spin_ms_;
  std::optional<double> run_delay_ms_;  ///< before the trial, as is the next
  std::optional<double> steal_ms_;
  Cgroups groups_;
  std::optional<double> throttled_ms_;
};

/// What a trial's disturbance is judged by, besides what the worker saw.
struct TrialExtent {
  double wall_s = 0;           ///< of the measured part
  std::int32_t threads = 1;    ///< that the backend was given
  double fastest_spin_ms = 0;  ///< of the run so far; 0: none yet
};

/// Why the trial's times are not those of a quiet machine, as one line; empty where nothing speaks against them. The
/// thresholds are in interference.cpp with their reasons.
std::string find_disturbance(const Interference& seen, const ResourceUse& used, const TrialExtent& extent);

}  // namespace inferbench
