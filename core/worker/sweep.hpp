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
};

/// Runs every trial of the plan that `folder` does not hold yet, and appends a row for each. A failed trial does not
/// stop it: after two failures in a row at one point, the rest of that contender's trials there are rows `skipped`; a
/// contender whose model does not load has its rows with the load's status.
///
/// All contenders of a model and thread count stay loaded while their points run, as far as memory allows; else one is
/// loaded at a time. Where the model was loaded anew in the middle of a point, one warm-up more runs first, unrecorded.
///
/// Returns true when the plan is done, false when stop_requested said stop. Throws Error where a row cannot be written.
bool run_sweep(const SweepSetup& setup, RunFolder& folder);

}  // namespace inferbench
