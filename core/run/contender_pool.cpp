// SPDX-License-Identifier: Apache-2.0
#include "run/contender_pool.hpp"

#include <algorithm>
#include <utility>

#include "inferbench/decoder.hpp"
#include "measure/clock.hpp"
#include "measure/resources.hpp"
#include "results/skip_error.hpp"
#include "run/make_requests.hpp"

namespace inferbench {

namespace {

constexpr int kFailuresBeforeSkip = 2;
constexpr const char* kTriedAlone = "out of memory with other contenders loaded, so it was tried again alone";

TrialOutcome failed(TrialStatus status, std::string error) {
  TrialOutcome outcome;
  outcome.status = status;
  outcome.error = std::move(error);
  return outcome;
}

}  // namespace

ContenderPool::ContenderPool(const SweepSetup& setup, TeardownFaultSink on_fault)
    : setup_(setup), on_fault_(std::move(on_fault)), experiment_(setup.experiment), prompts_(setup.experiment) {
  states_.resize(experiment_.contenders.size());
  for (std::size_t i = 0; i < states_.size(); ++i) states_[i].runner = make_runner(setup_, experiment_.contenders[i]);
}

const Point& ContenderPool::point_of(const PlannedTrial& trial) const {
  return experiment_.points[static_cast<std::size_t>(trial.point)];
}

// Contenders stay loaded for a group of points with the same model and thread count.
void ContenderPool::enter(const Point& point) {
  const bool new_point = std::exchange(point_, point) != point;
  if (in_group_ && point.model == group_model_ && point.threads == group_threads_) {
    if (new_point && experiment_.measure.fresh_processes) forget_models();
    return;
  }
  forget_models();
  for (auto& state : states_) {
    state.load_failed = false;
    state.note.clear();
  }
  in_group_ = true;
  group_model_ = point.model;
  group_threads_ = point.threads;
  one_at_a_time_ = !all_fit();
}

void ContenderPool::forget_model(State& state) {
  state.runner->unload();
  const std::string fault = state.runner->take_teardown_fault();
  if (!fault.empty()) on_fault_(static_cast<std::size_t>(&state - states_.data()), fault);
  state.warm_point = kNoPoint;
  state.measured = false;
}

void ContenderPool::forget_models() {
  for (auto& state : states_) forget_model(state);
}

void ContenderPool::begin_block() {
  if (!experiment_.measure.fresh_processes) return;
  const bool used = std::any_of(states_.begin(), states_.end(), [](const State& state) { return state.measured; });
  if (used) forget_models();
}

// Upper bound of the memory of all contenders: fp32 weights for each, and one more copy while one is being packed.
bool ContenderPool::all_fit() const {
  const auto facts = std::find_if(experiment_.model_facts.begin(), experiment_.model_facts.end(),
                                  [&](const ModelFacts& model) { return model.reference == group_model_; });
  if (facts == experiment_.model_facts.end()) return true;
  double cache = 0;  // largest cache of the group's points; keys and values take at most fp32
  for (const Point& point : experiment_.points) {
    if (point.model != group_model_ || point.threads != group_threads_) continue;
    const double positions = 1.0 * point.batch * (point.past_tokens + point.prompt_tokens + point.generate_tokens);
    cache = std::max(cache, 4.0 * positions * decoder::kv_values_per_token(model_desc(facts->config)));
  }
  const auto n = static_cast<double>(
      std::count_if(experiment_.contenders.begin(), experiment_.contenders.end(),
                    [](const Contender& contender) { return !contender.endpoint; }));  // a server's memory is not ours
  const double needed = 4.0 * static_cast<double>(facts->n_parameters) * (n + 1) + cache * n;
  const auto available = static_cast<double>(available_memory_bytes());
  return available <= 0 || needed < 0.8 * available;
}

// Whether memory may have run out because other contenders were loaded. A worker's own limit does not depend on them.
template <typename Outcome>
bool ContenderPool::may_be_crowded(const Outcome& outcome) const {
  return outcome.status == TrialStatus::kOom &&
         (experiment_.limits.memory_bytes == 0 || outcome.error.starts_with(kKilledByKernel));
}

void ContenderPool::load(const PlannedTrial& trial, bool ahead) {
  State& state = state_of(trial);
  if (state.runner->loaded() || state.load_failed || given_up(trial) || (ahead && one_at_a_time_)) return;
  if (one_at_a_time_) {
    for (auto& other : states_) {
      if (&other != &state) forget_model(other);
    }
  }
  if (!one_at_a_time_) state.note.clear();
  load_into(state, trial);
  // A contender that fits alone is not out of memory: the kernel may also have killed it instead of another one.
  if (may_be_crowded(state.load) && unload_others(state)) {
    state.note = kTriedAlone;
    load_into(state, trial);
    one_at_a_time_ = one_at_a_time_ || state.load.status == TrialStatus::kOk;
  }
  state.load_failed = state.load.status != TrialStatus::kOk;
}

bool ContenderPool::unload_others(const State& state) {
  bool any = false;
  for (auto& other : states_) {
    if (&other == &state || !other.runner->loaded()) continue;
    forget_model(other);
    any = true;
  }
  return any;
}

void ContenderPool::load_into(State& state, const PlannedTrial& trial) {
  const auto index = static_cast<std::size_t>(trial.contender);
  const Contender& contender = experiment_.contenders[index];
  setup_.observer.loading(contender, point_of(trial));
  const std::uint64_t begin = now_ns();
  state.load = load_checked(setup_, *state.runner,
                            make_load_request(experiment_, contender, setup_.plugins[index], point_of(trial)));
  state.load_s += elapsed_ms(begin, now_ns()) * 1e-3;
  state.warm_point = kNoPoint;
  state.measured = false;
}

double ContenderPool::claim_load_seconds(std::int32_t contender) {
  return std::exchange(states_[static_cast<std::size_t>(contender)].load_s, 0);
}

bool ContenderPool::given_up(const PlannedTrial& trial) const {
  const State& state = states_[static_cast<std::size_t>(trial.contender)];
  return state.failing_point == trial.point && state.failures_in_a_row >= kFailuresBeforeSkip;
}

PooledTrial ContenderPool::run(const PlannedTrial& trial, std::uint64_t stream) {
  State& state = state_of(trial);
  if (given_up(trial)) {
    return {failed(TrialStatus::kSkipped, skip_error(kFailuresBeforeSkip, state.last_error))};
  }
  PooledTrial done = run_if_loaded(state, trial, stream);
  if (!state.load_failed && may_be_crowded(done.outcome) && unload_others(state)) {
    state.note = kTriedAlone;
    forget_model(state);  // a surviving process has already seen the prompt
    load_into(state, trial);
    state.load_failed = state.load.status != TrialStatus::kOk;
    done = run_if_loaded(state, trial, stream);
    one_at_a_time_ = one_at_a_time_ || done.outcome.status == TrialStatus::kOk;
  }
  done.outcome.note = state.note;
  if (!state.load_failed) remember(state, trial, done.outcome);
  return done;
}

// If not loaded, the outcome has the reason.
PooledTrial ContenderPool::run_if_loaded(State& state, const PlannedTrial& trial, std::uint64_t stream) {
  if (state.load_failed) return {failed(state.load.status, "loading: " + state.load.error)};
  const bool measured = trial.block >= 0;
  state.measured = state.measured || measured;
  PooledTrial done;
  done.outcome.status = TrialStatus::kOk;
  if (measured && experiment_.measure.warmup > 0 && state.warm_point != trial.point) {
    const std::uint64_t first = warm_up_stream(experiment_, trial);
    TrialRequest warm_up = make_trial_request(experiment_, trial.point, first, prompts_);
    warm_up.check_logits = false;  // nothing but what the measured trials run
    done.outcome = run_on(state, warm_up);
    done.warm_up = WarmUp{first, done.outcome.digest};
  }
  if (done.outcome.status == TrialStatus::kOk) {
    done.outcome = run_on(state, make_trial_request(experiment_, trial.point, stream, prompts_));
  }
  return done;
}

MarginOutcome ContenderPool::ask_baseline(const MarginRequest& request) const {
  for (std::size_t i = 0; i < states_.size(); ++i) {
    if (experiment_.contenders[i].name != experiment_.baseline || !states_[i].runner->loaded()) continue;
    return states_[i].runner->measure_margin(request);
  }
  return {};
}

TrialOutcome ContenderPool::run_on(State& state, const TrialRequest& request) {
  TrialOutcome outcome = state.runner->run(request);
  if (outcome.metrics && outcome.trials_since_load == 0) state.load.first_forward_ms = outcome.metrics->ttft_ms;
  return outcome;
}

void ContenderPool::remember(State& state, const PlannedTrial& trial, const TrialOutcome& outcome) {
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

}  // namespace inferbench
