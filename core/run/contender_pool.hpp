// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "measure/outcome.hpp"
#include "run/prompt_source.hpp"
#include "run/trial_sweep.hpp"
#include "run/warm_up.hpp"
#include "worker/quality_requests.hpp"

namespace inferbench {

/// Gets a contender's index and what went wrong when its backend was taken down.
using TeardownFaultSink = std::function<void(std::size_t contender, const std::string& fault)>;

/// What came of a trial.
struct PooledTrial {
  TrialOutcome outcome;
  std::optional<WarmUp> warm_up{};  ///< of the process, where the trial was its first
};

/// The contenders of a sweep, loaded when they are needed: runs one trial at a time, whatever has become of the backend
/// since the last.
///
/// What a new process runs first is not what it is measured with: see warm_up_stream.
///
/// Every block has worker processes of its own (measure.fresh_processes), loaded before its first trial as far as
/// memory allows, else one at a time, too, from where one ran out of memory while others were loaded: that one gets
/// another try alone before it is `oom`; without, all contenders of a model and thread count stay loaded while their
/// points run. Where the model was loaded anew in the middle of a point, one warm-up more runs first. After two
/// failures in a row at one point, the rest of that contender's trials there are `skipped`.
class ContenderPool {
 public:
  /// `on_fault` is told of each backend that did not end well.
  ContenderPool(const SweepSetup& setup, TeardownFaultSink on_fault);

  /// Unloads what another model, thread count or, with fresh processes, point left. Before every trial.
  void enter(const Point& point);

  /// Ends the processes in which an earlier block was measured, where each is to have its own.
  void begin_block();

  /// Loads the trial's contender, if it is not. `ahead`: for a trial to come, so only where all fit into memory.
  void load(const PlannedTrial& trial, bool ahead);

  /// Of a contender that load() was called for. `stream`: of the trial's prompts.
  PooledTrial run(const PlannedTrial& trial, std::uint64_t stream);

  /// Seconds that the contender's load took; 0 when asked again, so that each load is counted once.
  double claim_load_seconds(std::int32_t contender);

  /// Asks the baseline how close a choice was; a status other than ok where it is not loaded now.
  MarginOutcome ask_baseline(const MarginRequest& request) const;

  /// Ends all processes.
  void forget_models();

  /// How the load went that the contender's last trial ran on.
  const LoadOutcome& load_of(std::int32_t contender) const { return states_[static_cast<std::size_t>(contender)].load; }

 private:
  static constexpr std::int32_t kNoPoint = -1;

  struct State {
    std::unique_ptr<TrialRunner> runner;
    LoadOutcome load;          ///< of the present group
    bool load_failed = false;  ///< in the present group
    bool measured = false;     ///< a block's trial, in the present process
    double load_s = 0;         ///< not claimed yet
    std::string note;          ///< of how it came to be loaded, for its rows; empty: as planned
    std::int32_t warm_point = kNoPoint;
    std::int32_t failing_point = kNoPoint;
    int failures_in_a_row = 0;
    std::string last_error;
  };

  State& state_of(const PlannedTrial& trial) { return states_[static_cast<std::size_t>(trial.contender)]; }
  const Point& point_of(const PlannedTrial& trial) const;
  void forget_model(State& state);
  bool given_up(const PlannedTrial& trial) const;
  bool all_fit() const;
  template <typename Outcome>
  bool may_be_crowded(const Outcome& outcome) const;
  /// False where no other contender is loaded.
  bool unload_others(const State& state);
  void load_into(State& state, const PlannedTrial& trial);
  PooledTrial run_if_loaded(State& state, const PlannedTrial& trial, std::uint64_t stream);
  static TrialOutcome run_on(State& state, const TrialRequest& request);
  static void remember(State& state, const PlannedTrial& trial, const TrialOutcome& outcome);

  const SweepSetup& setup_;
  TeardownFaultSink on_fault_;
  const Experiment& experiment_;
  PromptSource prompts_;
  std::vector<State> states_;
  bool in_group_ = false;
  bool one_at_a_time_ = false;
  std::string group_model_;
  std::int32_t group_threads_ = 0;
  std::optional<Point> point_;  ///< of the last trial
};

}  // namespace inferbench
