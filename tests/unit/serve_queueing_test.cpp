// SPDX-License-Identifier: Apache-2.0
// The scheduler in simulated time, against what queueing theory says and what must hold for every request.
#include <gmock/gmock.h>

#include <cmath>
#include <vector>

#include "serve_fixture.hpp"
#include "support/random.hpp"

namespace inferbench {
namespace {

constexpr double kServiceNs = 1e6;
constexpr std::size_t kRequests = 1'000'000;

double exponential(SplitMix64& random) {
  return -std::log1p(-random.next_uniform());
}

struct QueueRun {
  double mean_wait_ns = 0;     ///< from arrival to admission
  double mean_service_ns = 0;  ///< from admission to the end
  std::size_t ended = 0;
};

// A single server: one slot, and each request is one forward call.
QueueRun run_single_server(double load, const SimulatedEngine::Cost& service, std::uint64_t seed) {
  SimulatedEngine engine(service);
  engine.keep_calls = false;
  QueueRun run;
  RequestId expected = 0;
  SchedulerEvents events;
  events.finished = [&](const RequestOutcome& outcome) {
    EXPECT_EQ(outcome.id, expected++);  // first come, first served
    run.mean_wait_ns += static_cast<double>(outcome.admitted_ns - outcome.arrival_ns);
    run.mean_service_ns += static_cast<double>(outcome.end_ns - outcome.admitted_ns);
    ++run.ended;
  };
  Scheduler scheduler(
      {.max_batch = 1, .token_budget = 1, .max_tokens = 1}, engine, [&] { return engine.now; }, events);
  SplitMix64 random(seed);
  double arrival = 0;
  std::size_t arrived = 0;
  while (run.ended < kRequests) {
    for (; arrived < kRequests && static_cast<std::uint64_t>(arrival) <= engine.now; ++arrived) {
      scheduler.submit({arrived, static_cast<std::uint64_t>(arrival), {1}, 1, {}, {}});
      arrival += exponential(random) * kServiceNs / load;
    }
    if (scheduler.idle()) {
      engine.now = static_cast<std::uint64_t>(arrival);
    } else {
      scheduler.step();
    }
  }
  run.mean_wait_ns /= static_cast<double>(kRequests);
  run.mean_service_ns /= static_cast<double>(kRequests);
  return run;
}

// Mean wait in the queue by Pollaczek and Khinchine: load / (1 - load) * (1 + c^2) / 2 services, where c is the
// coefficient of variation of the service time.
double expected_wait_ns(double load, double squared_variation) {
  return load / (1 - load) * (1 + squared_variation) / 2 * kServiceNs;
}

TEST(SchedulerQueueing, WaitsOfConstantServiceFollowMD1) {
  for (const double load : {0.3, 0.6, 0.8}) {
    const QueueRun run = run_single_server(
        load, [](auto) { return static_cast<std::uint64_t>(kServiceNs); }, 11);
    EXPECT_EQ(run.ended, kRequests);
    EXPECT_EQ(run.mean_service_ns, kServiceNs);
    EXPECT_NEAR(run.mean_wait_ns / expected_wait_ns(load, 0), 1, 0.02) << load;
    RecordProperty("md1_" + std::to_string(load), std::to_string(run.mean_wait_ns / expected_wait_ns(load, 0)));
  }
}

TEST(SchedulerQueueing, WaitsOfExponentialServiceFollowMM1) {
  for (const double load : {0.3, 0.6, 0.8}) {
    SplitMix64 random(5);
    const auto service = [&](auto) { return static_cast<std::uint64_t>(exponential(random) * kServiceNs); };
    const QueueRun run = run_single_server(load, service, 12);
    EXPECT_NEAR(run.mean_service_ns / kServiceNs, 1, 0.005);
    EXPECT_NEAR(run.mean_wait_ns / expected_wait_ns(load, 1), 1, 0.02) << load;
    RecordProperty("mm1_" + std::to_string(load), std::to_string(run.mean_wait_ns / expected_wait_ns(load, 1)));
  }
}

// Many requests of all sizes on few slots, some cancelled at random times, by either policy.
void expect_conservation(SchedulePolicy policy, std::uint64_t seed) {
  constexpr std::size_t kMixed = 20'000;
  constexpr std::int32_t kContext = 64;
  SimulatedEngine engine([](std::span<const ib_sequence> sequences) {
    std::uint64_t cost = 100;
    for (const ib_sequence& sequence : sequences) cost += static_cast<std::uint64_t>(sequence.n_tokens);
    return cost;
  });
  engine.keep_calls = false;
  std::vector<int> ends(kMixed);
  std::vector<int> tokens(kMixed);
  std::uint64_t last_admission = 0;
  std::uint64_t longest_run = 0;
  std::size_t cancelled = 0;
  SchedulerEvents events;
  events.token = [&](RequestId id, std::int32_t, std::uint64_t) { return ++tokens[id] > 0; };
  events.finished = [&](const RequestOutcome& outcome) {
    ++ends[outcome.id];
    EXPECT_EQ(static_cast<int>(outcome.ids.size()), tokens[outcome.id]);
    if (outcome.reason == FinishReason::kCancelled) return void(++cancelled);
    EXPECT_EQ(outcome.reason, FinishReason::kLength);
    EXPECT_EQ(tokens[outcome.id], outcome.wanted_tokens);
    // The last position of the simulated sequence: nothing was lost, repeated or left over from another request.
    EXPECT_EQ(outcome.ids.back(), outcome.prompt_tokens + outcome.wanted_tokens - 1);
    longest_run = std::max(longest_run, outcome.end_ns - outcome.admitted_ns);
    last_admission = std::max(last_admission, outcome.admitted_ns);
  };
  Scheduler scheduler(
      {.max_batch = 7, .token_budget = 16, .policy = policy, .max_tokens = kContext, .kv_positions = 5 * kContext},
      engine, [&] { return engine.now; }, events);
  SplitMix64 random(seed);
  std::size_t arrived = 0;
  while (arrived < kMixed || !scheduler.idle()) {
    if (arrived < kMixed && scheduler.waiting() < 20) {
      const auto prompt = static_cast<std::int32_t>(1 + random.below(kContext / 2));
      const auto wanted = static_cast<std::int32_t>(1 + random.below(kContext / 2));
      scheduler.submit(
          {arrived, engine.now, std::vector<std::int32_t>(static_cast<std::size_t>(prompt), 3), wanted, {}, {}});
      ++arrived;
      if (random.below(10) == 0) scheduler.cancel(arrived - 1 - random.below(std::min<std::size_t>(arrived, 8)));
      continue;
    }
    const StepReport report = scheduler.step();
    ASSERT_TRUE(report.ran() || scheduler.idle());
    ASSERT_LE(report.prefill_tokens + report.decode_tokens, 16);
  }
  EXPECT_EQ(std::count(ends.begin(), ends.end(), 1), static_cast<std::ptrdiff_t>(kMixed));
  EXPECT_GT(cancelled, kMixed / 100);
  // At most 7 requests of 63 positions share the budget, and other prompts may come between at most 32 tokens.
  EXPECT_LT(longest_run, 64U * 116U * 7U);
  for (std::int32_t slot = 0; slot < 7; ++slot) EXPECT_EQ(engine.held(slot), 0);
}

TEST(SchedulerQueueing, EveryRequestEndsExactlyOnceAndNoneStarves) {
  expect_conservation(SchedulePolicy::kChunked, 1);
  expect_conservation(SchedulePolicy::kPrefillFirst, 2);
}

}  // namespace
}  // namespace inferbench
