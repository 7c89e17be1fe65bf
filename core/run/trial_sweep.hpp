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

/// Receives the events of a sweep, between the measured parts.
class SweepObserver {
 public:
  SweepObserver() = default;
  virtual ~SweepObserver() = default;
  SweepObserver(const SweepObserver&) = delete;
  SweepObserver& operator=(const SweepObserver&) = delete;

  virtual void loading(const Contender& contender, const Point& point) = 0;
  /// A contender's output is being compared with the reference's; `windows` are done.
  virtual void judging(const Contender& /*contender*/, const Point& /*point*/, std::size_t /*windows*/) {}
  /// measure.until requires one block more than planned; these are its trials.
  virtual void block_added(const std::vector<PlannedTrial>& /*trials*/) {}
  /// A contender's backend failed during teardown: see TrialRunner::take_teardown_fault.
  virtual void ended_badly(const Contender& /*contender*/, const std::string& /*fault*/) {}
  virtual void trial_begins(const PlannedTrial& trial) = 0;
  /// The row has been written to the disk.
  virtual void trial_ended(const PlannedTrial& trial, const TrialRecord& record) = 0;
};

/// The inputs of a sweep besides the experiment. All of it must outlive the sweep.
struct SweepSetup {
  const Experiment& experiment;
  std::vector<PluginIdentity> plugins;  ///< one per contender, in the same order
  RunnerFactory make_runner;
  std::function<bool()> stop_requested;  ///< called between trials
  SweepObserver& observer;
  /// Throws Error if a file that the run reads has changed. Called before and after each load.
  std::function<void()> check_files{};
};

/// Runs every trial of the plan (of the folder's shard) that `folder` does not hold yet, and appends a row for each. A
/// failed trial does not stop the sweep: see ContenderPool. If a contender's model does not load, its rows have the
/// load's status. Points get more blocks as measure.until requires. If something disturbed a trial, its block is
/// repeated at most measure.repeat_disturbed times; all rows are kept, and choose_attempts decides which count.
///
/// Returns true when the plan is done, false if stop_requested returned true. Throws Error if a row cannot be written
/// or a file of the run was replaced; rows that were measured before are written first.
bool run_sweep(const SweepSetup& setup, RunFolder& folder);

}  // namespace inferbench
