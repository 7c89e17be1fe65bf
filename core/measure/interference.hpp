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

/// Other activity on the machine around a trial, as far as the worker can see it. Absent: this machine does not say.
struct Interference {
  double spin_ms = 0;                  ///< time of a fixed amount of work just before the trial; 0: not timed
  std::optional<double> run_delay_ms;  ///< total time that the worker's threads waited for a CPU
  std::optional<double> steal_ms;      ///< total time that a hypervisor took from the trial's CPUs
  std::optional<double> throttled_ms;  ///< time for which CPU quotas of control groups throttled threads
  std::optional<double> mhz;           ///< frequency of the trial's first CPU, just after the trial
  Standstill standstill;
};

/// Watches one trial on `cpus`: construct it before the trial, call `seen` after it.
class InterferenceWatch {
 public:
  /// Spins for about a millisecond on the calling thread. `standstill` was constructed before that thread was bound to
  /// `cpus`, so that its own thread can wake up on other CPUs; it outlives this object.
  InterferenceWatch(std::vector<int> cpus, StandstillWatch& standstill);

  /// Call once: it ends `standstill`.
  Interference seen() const;

 private:
  StandstillWatch& standstill_;
  std::vector<int> cpus_;
  double spin_ms_;
  std::optional<double> run_delay_ms_;  ///< before the trial, like the next field
  std::optional<double> steal_ms_;
  Cgroups groups_;
  std::optional<double> throttled_ms_;
};

/// The facts, besides Interference, that decide whether a trial was disturbed.
struct TrialExtent {
  double wall_s = 0;           ///< of the measured part
  std::int32_t threads = 1;    ///< given to the backend
  double fastest_spin_ms = 0;  ///< fastest spin of the run so far; 0: none yet
};

/// Time that was lost to the events of find_disturbance, in ms, summed over threads and CPUs: to rank disturbed trials.
double lost_ms(const Interference& seen);

/// Why the trial's times are not those of a quiet machine, as one line; empty if there is no sign of that.
/// interference.cpp has the thresholds and the reasons for them.
std::string find_disturbance(const Interference& seen, const ResourceUse& used, const TrialExtent& extent);

}  // namespace inferbench
