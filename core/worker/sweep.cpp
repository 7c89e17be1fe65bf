// SPDX-License-Identifier: Apache-2.0
#include "worker/sweep.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <chrono>
#include <set>
#include <thread>
#include <utility>

#include "measure/clock.hpp"
#include "measure/resources.hpp"
#include "results/utc_time.hpp"
#include "worker/make_requests.hpp"
#include "worker/output_check.hpp"
#include "worker/prompt_source.hpp"

namespace inferbench {

namespace {

constexpr int kFailuresBeforeSkip = 2;
constexpr std::int32_t kNoPoint = -1;

struct ContenderState {
  std::unique_ptr<TrialRunner> runner;
  LoadOutcome load;          ///< of the present group
  bool load_failed = false;  ///< in the present group
  std::int32_t warm_point = kNoPoint;
  std::int32_t failing_point = kNoPoint;
  int failures_in_a_row = 0;
  std::string last_error;
};

class Sweep {
 public:
  Sweep(const SweepSetup& setup, RunFolder& folder)
      : setup_(setup),
        experiment_(setup.experiment),
        folder_(folder),
        prompts_(experiment_),
        outputs_(experiment_, prompts_, folder.quality(), folder.trials(),
                 [this](const MarginRequest& request) { return ask_baseline(request); }) {
    states_.resize(experiment_.contenders.size());
    for (auto& state : states_) state.runner = setup_.make_runner();
  }

  bool run() {
    const bool complete = run_trials();
    write(outputs_.flush());
    return complete;
  }

 private:
  bool run_trials() {
    std::set<std::string> done;
    for (const TrialRecord& record : folder_.trials()) done.insert(record.id);
    for (const PlannedTrial& trial : make_plan(experiment_)) {
      if (done.contains(trial.id())) continue;
      if (stopped()) return false;
      enter_group(point_of(trial));
      cool_down();
      if (stopped()) return false;
      setup_.observer.trial_begins(trial);
      write(outputs_.add(trial, make_row(trial)));
    }
    return true;
  }

  void write(std::vector<EndedTrial> rows) {
    for (EndedTrial& ended : rows) {
      folder_.append(ended.record);
      setup_.observer.trial_ended(ended.trial, ended.record);
    }
  }

  MarginOutcome ask_baseline(const MarginRequest& request) const {
    for (std::size_t i = 0; i < states_.size(); ++i) {
      if (experiment_.contenders[i].name != experiment_.baseline || !states_[i].runner->loaded()) continue;
      return states_[i].runner->measure_margin(request);
    }
    return {};
  }

  const Point& point_of(const PlannedTrial& trial) const {
    return experiment_.points[static_cast<std::size_t>(trial.point)];
  }
  const Contender& contender_of(const PlannedTrial& trial) const {
    return experiment_.contenders[static_cast<std::size_t>(trial.contender)];
  }
  ContenderState& state_of(const PlannedTrial& trial) { return states_[static_cast<std::size_t>(trial.contender)]; }

  bool stopped() const { return setup_.stop_requested && setup_.stop_requested(); }

  // A group is a model at a thread count: what stays loaded.
  void enter_group(const Point& point) {
    if (in_group_ && point.model == group_model_ && point.threads == group_threads_) return;
    for (auto& state : states_) forget_model(state);
    for (auto& state : states_) state.load_failed = false;
    in_group_ = true;
    group_model_ = point.model;
    group_threads_ = point.threads;
    one_at_a_time_ = !all_fit();
  }

  static void forget_model(ContenderState& state) {
    state.runner->unload();
    state.warm_point = kNoPoint;
  }

  // Upper bound of what all contenders hold: fp32 weights each, and once more while one is being packed.
  bool all_fit() const {
    const auto facts = std::find_if(experiment_.model_facts.begin(), experiment_.model_facts.end(),
                                    [&](const ModelFacts& model) { return model.reference == group_model_; });
    if (facts == experiment_.model_facts.end()) return true;
    const double needed = 4.0 * static_cast<double>(facts->n_parameters) * static_cast<double>(states_.size() + 1);
    const auto available = static_cast<double>(available_memory_bytes());
    return available <= 0 || needed < 0.8 * available;
  }

  void cool_down() const {
    const std::uint64_t end = now_ns() + static_cast<std::uint64_t>(experiment_.measure.cooldown_s * 1e9);
    while (now_ns() < end && !stopped()) {
      const std::uint64_t left = end - std::min(end, now_ns());
      std::this_thread::sleep_for(std::chrono::nanoseconds(std::min<std::uint64_t>(left, 100'000'000)));
    }
  }

  void ensure_loaded(const PlannedTrial& trial) {
    ContenderState& state = state_of(trial);
    if (state.runner->loaded() || state.load_failed) return;
    if (one_at_a_time_) {
      for (auto& other : states_) {
        if (&other != &state) forget_model(other);
      }
    }
    const Contender& contender = contender_of(trial);
    const Point& point = point_of(trial);
    setup_.observer.loading(contender, point);
    const PluginIdentity& plugin = setup_.plugins[static_cast<std::size_t>(trial.contender)];
    state.load = state.runner->load(make_load_request(experiment_, contender, plugin, point));
    state.load_failed = state.load.status != TrialStatus::kOk;
    state.warm_point = kNoPoint;
  }

  TrialRecord make_row(const PlannedTrial& trial) {
    const Contender& contender = contender_of(trial);
    TrialRecord record;
    record.id = trial.id();
    record.contender = contender.name;
    record.backend = setup_.plugins[static_cast<std::size_t>(trial.contender)].name;
    record.precision = contender.precision;
    record.point = point_of(trial);
    record.block = trial.block;
    record.repeat = trial.repeat;
    record.prompt_stream = trial.prompt_stream;
    record.started = utc_now();
    const std::uint64_t begin = now_ns();
    record.outcome = run_trial(trial);
    record.duration_s = elapsed_ms(begin, now_ns()) * 1e-3;
    record.load = state_of(trial).load;
    return record;
  }

  static TrialOutcome failed(TrialStatus status, std::string error) {
    TrialOutcome outcome;
    outcome.status = status;
    outcome.error = std::move(error);
    return outcome;
  }

  TrialOutcome run_trial(const PlannedTrial& trial) {
    ContenderState& state = state_of(trial);
    if (state.failing_point == trial.point && state.failures_in_a_row >= kFailuresBeforeSkip) {
      return failed(TrialStatus::kSkipped, fmt::format("{} trials in a row failed here, the last with: {}",
                                                       kFailuresBeforeSkip, state.last_error));
    }
    ensure_loaded(trial);
    if (state.load_failed) return failed(state.load.status, "loading: " + state.load.error);
    const TrialRequest request = make_trial_request(experiment_, trial, prompts_);
    const bool measured = trial.block >= 0;
    TrialOutcome outcome;
    outcome.status = TrialStatus::kOk;
    if (measured && experiment_.measure.warmup > 0 && state.warm_point != trial.point)
      outcome = state.runner->run(request);
    if (outcome.status == TrialStatus::kOk) outcome = state.runner->run(request);
    remember(state, trial, outcome);
    return outcome;
  }

  static void remember(ContenderState& state, const PlannedTrial& trial, const TrialOutcome& outcome) {
    if (outcome.status == TrialStatus::kOk) {
      state.failures_in_a_row = 0;
      state.failing_point = kNoPoint;
      state.warm_point = trial.point;
      return;
    }
    state.failures_in_a_row = state.failing_point == trial.point ? state.failures_in_a_row + 1 : 1;
    state.failing_point = trial.point;
    state.warm_point = kNoPoint;
    state.last_error = outcome.error;
  }

  const SweepSetup& setup_;
  const Experiment& experiment_;
  RunFolder& folder_;
  PromptSource prompts_;
  OutputCheck outputs_;
  std::vector<ContenderState> states_;
  bool in_group_ = false;
  bool one_at_a_time_ = false;
  std::string group_model_;
  std::int32_t group_threads_ = 0;
};

}  // namespace

bool run_sweep(const SweepSetup& setup, RunFolder& folder) {
  return Sweep(setup, folder).run();
}

}  // namespace inferbench
