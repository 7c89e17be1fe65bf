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

/// Receives a contender's index and what went wrong when its backend was torn down.
using TeardownFaultSink = std::function<void(std::size_t contender, const std::string& fault)>;

/// The result of a trial.
struct PooledTrial {
  TrialOutcome outcome;
  std::optional<WarmUp> warm_up{};  ///< ran just before the trial, if the process needed one
};

/// The contenders of a sweep, loaded when they are needed. Runs one trial at a time, even if a backend has crashed or
/// hung since the last one.
///
/// A new process first runs a warm-up with another prompt than the measured one: see warm_up_stream.
///
/// With measure.fresh_processes, every block has its own worker processes, all loaded before its first trial if memory
/// allows. Without it, all contenders of a model and thread count stay loaded while their points run. If memory does
/// not suffice for all, contenders are loaded one at a time. A contender that runs out of memory while others are
/// loaded is tried again alone before it counts as `oom`; if that succeeds, contenders are loaded one at a time from
/// then on. If a model is reloaded in the middle of a point, another warm-up runs first. After two failures in a row at
/// one point, the rest of that contender's trials there are `skipped`.
class ContenderPool {
 public:
  /// `on_fault` is called for each backend that failed during teardown.
  ContenderPool(const SweepSetup& setup, TeardownFaultSink on_fault);

  /// Unloads contenders of another model or thread count, or, with fresh processes, of another point. Call before every
  /// trial.
  void enter(const Point& point);

  /// With fresh processes, ends the processes that measured an earlier block.
  void begin_block();

  /// Loads the trial's contender unless it is loaded. `ahead`: for a later trial, so only if all contenders fit into
  /// memory.
  void load(const PlannedTrial& trial, bool ahead);

  /// Runs the trial, for whose contender load() was called. `stream`: the prompt stream of the trial.
  PooledTrial run(const PlannedTrial& trial, std::uint64_t stream);

  /// Seconds that loading the contender took; 0 on the next call, so that each load is counted once.
  double claim_load_seconds(std::int32_t contender);

  /// Asks the baseline how close a choice was; the status is not ok if the baseline is not loaded now.
  MarginOutcome ask_baseline(const MarginRequest& request) const;

  /// Ends all processes.
  void forget_models();

  /// The outcome of the load that the contender's last trial used.
  const LoadOutcome& load_of(std::int32_t contender) const { return states_[static_cast<std::size_t>(contender)].load; }

 private:
  static constexpr std::int32_t kNoPoint = -1;

  struct State {
    std::unique_ptr<TrialRunner> runner;
    LoadOutcome load;          ///< in the current group
    bool load_failed = false;  ///< in the current group
    bool measured = false;     ///< the current process has run a block's trial
    double load_s = 0;         ///< not yet claimed
    std::string note;          ///< for its rows, if it was not loaded as planned; else empty
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
  /// Returns false if no other contender is loaded.
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
  std::optional<Point> point_;  ///< of the latest trial
};

}  // namespace inferbench
