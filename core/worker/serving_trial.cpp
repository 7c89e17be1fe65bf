// SPDX-License-Identifier: Apache-2.0
#include "worker/serving_trial.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <optional>
#include <string>
#include <thread>
#include <utility>

#include "measure/clock.hpp"
#include "serve/rate_search.hpp"
#include "support/counted.hpp"
#include "worker/session_engine.hpp"
#include "worker/text_delivery.hpp"

namespace inferbench {

namespace {

// A sleeping thread wakes up late by some tens of microseconds, so the end of a wait is a spin.
constexpr std::uint64_t kSpinNs = 200'000;

void wait_until(std::uint64_t time_ns) {
  const std::uint64_t now = now_ns();
  if (time_ns > now + kSpinNs) std::this_thread::sleep_for(std::chrono::nanoseconds(time_ns - now - kSpinNs));
  while (now_ns() < time_ns) {
  }
}

LoadPlan plan_of(const TrialRequest& request) {
  const ServingRequest& serving = *request.serving;
  LoadPlan plan;
  plan.concurrency = serving.kind == ScenarioKind::kClosed ? serving.concurrency : 0;
  plan.duration_s = serving.duration_s;
  auto prompt = request.prompts.begin();
  for (std::size_t i = 0; i < serving.arrivals_ns.size(); ++i) {
    Request& one = plan.requests.emplace_back();
    one.arrival_ns = serving.arrivals_ns[i];
    one.prompt.assign(prompt, prompt + serving.lengths[i]);
    one.max_tokens = serving.outputs[i];
    prompt += serving.lengths[i];
  }
  return plan;
}

// `delivery_s`: part of the time that the driver takes for the scheduler's.
ServingTotals totals_of(const LoadTotals& totals, double delivery_s) {
  constexpr double kSecondsPerNs = 1e-9;
  ServingTotals sums;
  sums.steps = totals.steps;
  sums.forward_s = static_cast<double>(totals.forward_ns) * kSecondsPerNs;
  sums.delivery_s = delivery_s;
  sums.scheduler_s = std::max(0.0, static_cast<double>(totals.scheduler_ns) * kSecondsPerNs - delivery_s);
  sums.idle_s = static_cast<double>(totals.idle_ns) * kSecondsPerNs;
  sums.latest_ms = static_cast<double>(totals.latest_ns) * 1e-6;
  sums.sequences = totals.sequences;
  sums.prefill_tokens = totals.prefill_tokens;
  sums.decode_tokens = totals.decode_tokens;
  return sums;
}

std::string stopped_text(const std::optional<MaxRate>& search) {
  if (!search) return "the scenario took longer than its time limit";
  return fmt::format("the search of a rate took longer than its time limit; it had ended {}",
                     counted(search->probes.size() + (search->offline_rate > 0 ? 1U : 0U), "run"));
}

}  // namespace

std::int32_t slot_positions(const ServingRequest& request, std::int32_t context) {
  std::int64_t longest = 1;
  for (std::size_t i = 0; i < request.lengths.size(); ++i) {
    const std::int64_t positions = std::int64_t{request.lengths[i]} + request.outputs[i] - 1;
    longest = std::max(longest, std::min<std::int64_t>(positions, context));
  }
  return static_cast<std::int32_t>(longest);
}

void run_serving(const TrialRequest& request, const BackendSession& session, std::int32_t positions, std::int32_t vocab,
                 const std::optional<Tokenizer>& tokenizer, const std::function<bool()>& late, TrialOutcome& outcome) {
  const ServingRequest& serving = *request.serving;
  SessionEngine engine(session, vocab);
  LoadPlan plan = plan_of(request);
  std::optional<TextDelivery> delivery;
  if (serving.delivery != Delivery::kNone) {
    delivery.emplace(tokenizer.value(), serving.delivery, plan.requests.size());
    plan.token = [&](RequestId id, std::int32_t token) { delivery->token(id, token); };
    plan.ended = [&](const RequestOutcome& one) { delivery->ended(one); };
  }
  plan.should_stop = [&] { return engine.failure().has_value() || late(); };
  SchedulerOptions options;
  options.max_batch = request.batch;
  options.token_budget = serving.token_budget;
  options.policy = serving.policy;
  options.max_tokens = positions;
  const LoadClock clock{now_ns, wait_until};
  std::optional<MaxRate> max_rate;
  LoadResult result;
  double wall_s = 0;
  if (serving.kind == ScenarioKind::kMaxRate) {
    const std::uint64_t begin_ns = now_ns();
    RateSearchResult search = search_max_rate(plan, serving.ramp_up, serving.goal, options, engine, clock);
    max_rate = std::move(search.answer);
    result = std::move(search.load);
    wall_s = static_cast<double>(now_ns() - begin_ns) * 1e-9;
  } else {
    result = run_load(std::move(plan), options, engine, clock);
  }
  if (engine.failure()) throw BackendError(*engine.failure());
  if (result.stopped) throw BackendError(IB_CANCELLED, stopped_text(max_rate));
  for (const RequestOutcome& one : result.outcomes) {
    if (one.reason == FinishReason::kFailed) throw WrongOutput(one.error);
  }
  ServingOutcome& served = outcome.serving.emplace();
  served.kind = serving.kind;
  served.objective = serving.goal.objective;
  served.metrics = derive_load_metrics(result.outcomes, serving.kind, serving.ramp_up, served.objective);
  served.totals = totals_of(result.totals, delivery ? static_cast<double>(delivery->spent_ns()) * 1e-9 : 0);
  for (RequestOutcome& one : result.outcomes) one.ids = {};
  served.requests = std::move(result.outcomes);
  served.max_rate = std::move(max_rate);
  served.wall_s = wall_s;
}

}  // namespace inferbench
