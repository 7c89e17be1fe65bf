// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "experiment/experiment.hpp"
#include "experiment/plan.hpp"
#include "results/run_folder.hpp"
#include "worker/trial_runner.hpp"

namespace inferbench {

/// Is told what a sweep does, between the measured parts.
class SweepObserver {
 public:
  SweepObserver() = default;
  virtual ~SweepObserver() = default;
  SweepObserver(const SweepObserver&) = delete;
  SweepObserver& operator=(const SweepObserver&) = delete;

  virtual void loading(const Contender& contender, const Point& point) = 0;
  /// A contender's output is compared with the reference's; `windows` are done.
  virtual void judging(const Contender& /*contender*/, const Point& /*point*/, std::size_t /*windows*/) {}
  /// measure.until asks for one more block than was planned; these are its trials.
  virtual void block_added(const std::vector<PlannedTrial>& /*trials*/) {}
  /// A contender's backend did not end well: see TrialRunner::take_teardown_fault.
  virtual void ended_badly(const Contender& /*contender*/, const std::string& /*fault*/) {}
  virtual void trial_begins(const PlannedTrial& trial) = 0;
  /// It is on the disk.
  virtual void trial_ended(const PlannedTrial& trial, const TrialRecord& record) = 0;
};

/// What a sweep needs besides the experiment; all of it outlives the sweep.
struct SweepSetup {
  const Experiment& experiment;
  std::vector<PluginIdentity> plugins;  ///< one for each contender, in their order
  RunnerFactory make_runner;
  std::function<bool()> stop_requested;  ///< asked between trials
  SweepObserver& observer;
  /// Throws Error where a file that the run reads is not what it was. Asked before and after each load.
  std::function<void()> check_files{};
};

/// Runs every trial of the plan (of the folder's shard) that `folder` does not hold yet, and appends a row for each. A
/// failed trial does not stop it: see ContenderPool; a contender whose model does not load has its rows with the load's
/// status. Points get more blocks as measure.until says. A block in which something disturbed a trial is run again, at
/// most measure.repeat_disturbed times; all rows are kept, choose_attempts says which count.
///
/// Returns true when the plan is done, false when stop_requested said stop. Throws Error where a row cannot be written,
/// or a file of the run was replaced: rows that were measured before are written then.
bool run_sweep(const SweepSetup& setup, RunFolder& folder);

}  // namespace inferbench
