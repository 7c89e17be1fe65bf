// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>

#include <cmath>
#include <vector>

#include "serve/load_driver.hpp"
#include "serve/load_metrics.hpp"
#include "serve/request_plan.hpp"
#include "serve_fixture.hpp"

namespace inferbench {
namespace {

using testing::DoubleNear;
using testing::ElementsAre;
using testing::Optional;

constexpr std::uint64_t kMs = 1'000'000;

std::vector<Request> requests_every(std::uint64_t gap_ns, std::size_t n, std::int32_t tokens) {
  std::vector<Request> requests(n);
  for (std::size_t i = 0; i < n; ++i) {
    requests[i].arrival_ns = i * gap_ns;
    requests[i].prompt = {1, 2, 3};
    requests[i].max_tokens = tokens;
  }
  return requests;
}

class LoadTest : public testing::Test {
 protected:
  LoadResult run(LoadPlan plan, std::int32_t max_batch = 4) {
    const LoadClock clock{[this] { return engine.now; }, [this](std::uint64_t time) { engine.now = time; }};
    return run_load(std::move(plan), {.max_batch = max_batch, .token_budget = 64, .max_tokens = 100}, engine, clock);
  }

  SimulatedEngine engine{[this](auto) { return step_ns(); }};
  std::function<std::uint64_t()> step_ns = [] { return kMs; };
};

TEST_F(LoadTest, OpenRequestsArriveAtTheirTimes) {
  engine.now = 77 * kMs;
  const LoadResult result = run({.requests = requests_every(10 * kMs, 5, 3)});
  ASSERT_EQ(result.outcomes.size(), 5U);
  for (std::size_t i = 0; i < 5; ++i) {
    EXPECT_EQ(result.outcomes[i].arrival_ns, (77 + 10 * i) * kMs);
    EXPECT_EQ(result.outcomes[i].end_ns, (77 + 10 * i + 3) * kMs);
  }
  EXPECT_EQ(result.totals.idle_ns, 4 * 7 * kMs);
  EXPECT_EQ(result.totals.forward_ns, 15 * kMs);
  EXPECT_EQ(result.totals.latest_ns, 0U);
}

// A benchmark that sends the next request only after the last answer would see one slow request. Every request that
// should have come during the stall must be late here.
TEST_F(LoadTest, AStallMakesEveryRequestLateThatArrivesDuringIt) {
  int calls = 0;
  step_ns = [&] { return ++calls == 11 ? 1000 * kMs : kMs; };
  const LoadResult result = run({.requests = requests_every(10 * kMs, 200, 1)}, 1);
  const LoadMetrics metrics = derive_load_metrics(result.outcomes, ScenarioKind::kOpen, 0, {});
  ASSERT_EQ(metrics.ttft_ms.size(), 200U);
  EXPECT_NEAR(metrics.ttft_ms[9], 1, 1e-9);
  // The stall lasts from 100 to 1100 ms; the 100 requests after it wait for its end and for those before them.
  for (int later = 0; later < 100; ++later) {
    EXPECT_NEAR(metrics.ttft_ms[static_cast<std::size_t>(10 + later)], 1000 - 10.0 * later + later, 1e-6) << later;
  }
  EXPECT_GT(std::count_if(metrics.ttft_ms.begin(), metrics.ttft_ms.end(), [](double ms) { return ms > 100; }), 90);
}

TEST_F(LoadTest, AClosedLoopKeepsItsUsersBusy) {
  const LoadResult result = run({.requests = requests_every(0, 12, 4), .concurrency = 3});
  ASSERT_EQ(result.outcomes.size(), 12U);
  EXPECT_EQ(engine.now, 4 * 4 * kMs);  // four rounds of three
  for (std::size_t i = 0; i < 12; ++i) {
    EXPECT_EQ(result.outcomes[i].arrival_ns, i / 3 * 4 * kMs);
    EXPECT_EQ(result.outcomes[i].admitted_ns, result.outcomes[i].arrival_ns);
  }
  for (const auto& call : engine.calls) EXPECT_EQ(call.size(), 3U);
  const LoadMetrics metrics = derive_load_metrics(result.outcomes, ScenarioKind::kClosed, 3, {});
  EXPECT_EQ(metrics.ok, 9);
  // From the end of the first round to the last arrival: two rounds of three requests of four tokens in 8 ms.
  EXPECT_NEAR(metrics.window_s, 0.008, 1e-12);
  EXPECT_NEAR(metrics.makespan_s, 0.016, 1e-12);
}

TEST_F(LoadTest, AClosedLoopSendsNothingAfterItsDuration) {
  const LoadResult result = run({.requests = requests_every(0, 100, 4), .concurrency = 2, .duration_s = 0.010});
  EXPECT_EQ(result.outcomes.size(), 6U);  // at 0, 4 and 8 ms
  for (const RequestOutcome& outcome : result.outcomes) EXPECT_TRUE(outcome.ok());
}

TEST_F(LoadTest, ARunThatIsStoppedEndsItsRequests) {
  LoadPlan plan{.requests = requests_every(kMs, 100, 50)};
  plan.should_stop = [this] { return engine.now > 20 * kMs; };
  const LoadResult result = run(std::move(plan), 2);
  EXPECT_TRUE(result.stopped);
  EXPECT_LT(result.outcomes.size(), 30U);
  for (const RequestOutcome& outcome : result.outcomes) EXPECT_EQ(outcome.reason, FinishReason::kCancelled);
}

TEST_F(LoadTest, ARequestThatIsTooLongIsOneFailedRequest) {
  LoadPlan plan{.requests = requests_every(kMs, 4, 5)};
  plan.requests[2].max_tokens = 99;
  const LoadResult result = run(std::move(plan));
  EXPECT_EQ(result.outcomes[2].reason, FinishReason::kRefused);
  const LoadMetrics metrics = derive_load_metrics(result.outcomes, ScenarioKind::kOpen, 0, {});
  EXPECT_DOUBLE_EQ(metrics.success_rate, 0.75);
  EXPECT_EQ(metrics.ttft_ms.size(), 3U);
}

RequestOutcome outcome_of(std::uint64_t arrival, std::uint64_t admitted, std::vector<std::uint64_t> tokens) {
  RequestOutcome outcome;
  outcome.reason = FinishReason::kLength;
  outcome.slot = 0;
  outcome.prompt_tokens = 10;
  outcome.arrival_ns = arrival * kMs;
  outcome.admitted_ns = admitted * kMs;
  for (std::uint64_t& time : tokens) time *= kMs;
  outcome.end_ns = tokens.back();
  outcome.tokens_ns = std::move(tokens);
  return outcome;
}

TEST(LoadMetricsTest, HaveNoWaitForASlotThatNobodySaw) {
  std::vector<RequestOutcome> outcomes{outcome_of(0, 0, {5, 6}), outcome_of(100, 110, {130, 140})};
  for (RequestOutcome& outcome : outcomes) outcome.slot = -1;
  const LoadMetrics metrics = derive_load_metrics(outcomes, ScenarioKind::kOpen, 0, {});
  EXPECT_THAT(metrics.queue_wait_ms, testing::IsEmpty());
  EXPECT_EQ(metrics.ttft_ms.size(), 2U);
}

TEST(LoadMetricsTest, FollowFromTheTimes) {
  const std::vector<RequestOutcome> outcomes{
      outcome_of(0, 0, {5, 6}),  // ramp-up
      outcome_of(100, 110, {130, 140, 170}),
      outcome_of(150, 170, {250}),
      outcome_of(200, 200, {210, 260}),
  };
  const LoadMetrics metrics = derive_load_metrics(outcomes, ScenarioKind::kOpen, 1, {.ttft_ms = 90, .tpot_ms = 30});
  EXPECT_EQ(metrics.requests, 4);
  EXPECT_EQ(metrics.ramp_up, 1);
  EXPECT_THAT(metrics.queue_wait_ms, ElementsAre(10, 20, 0));
  EXPECT_THAT(metrics.ttft_ms, ElementsAre(30, 100, 10));
  EXPECT_THAT(metrics.tpot_ms, ElementsAre(20, 50));
  EXPECT_THAT(metrics.e2e_ms, ElementsAre(70, 100, 60));
  EXPECT_THAT(metrics.inter_token_ms, ElementsAre(10, 30, 50));
  EXPECT_DOUBLE_EQ(metrics.window_s, 0.1);  // 100 to 200 ms
  EXPECT_DOUBLE_EQ(metrics.output_tokens_per_s, 30);
  EXPECT_DOUBLE_EQ(metrics.total_tokens_per_s, 130);
  EXPECT_DOUBLE_EQ(metrics.requests_per_s, 10);
  EXPECT_THAT(metrics.goodput_per_s, Optional(DoubleNear(10, 1e-9)));
  EXPECT_DOUBLE_EQ(metrics.makespan_s, 0.26);
  // Neither of the others is good: one is late, the other slow.
  EXPECT_FALSE(meets(outcomes[2], {.ttft_ms = 90}));
  EXPECT_FALSE(meets(outcomes[3], {.tpot_ms = 30}));
  EXPECT_TRUE(meets(outcomes[3], {.ttft_ms = 90}));
}

TEST(LoadMetricsTest, OfflineCountsToTheLastEnd) {
  const std::vector<RequestOutcome> outcomes{outcome_of(0, 0, {100, 200}), outcome_of(0, 200, {300, 400})};
  const LoadMetrics metrics = derive_load_metrics(outcomes, ScenarioKind::kOffline, 0, {});
  EXPECT_DOUBLE_EQ(metrics.window_s, 0.4);
  EXPECT_DOUBLE_EQ(metrics.output_tokens_per_s, 10);
  EXPECT_FALSE(metrics.goodput_per_s);
  EXPECT_EQ(derive_load_metrics(outcomes, ScenarioKind::kOffline, 9, {}).ok, 1);  // never all are left out
}

TEST(RequestPlan, PoissonArrivalsHaveTheRateAndExponentialGaps) {
  const RequestMix mix{.requests = 100'000,
                       .duration_s = 0,
                       .prompt = LengthDistribution::fixed(8),
                       .output = LengthDistribution::fixed(4)};
  const Scenario scenario{.kind = ScenarioKind::kOpen, .rate = 5};
  const auto requests = plan_requests(scenario, mix, {}, 3);
  EXPECT_EQ(requests, plan_requests(scenario, mix, {}, 3));
  EXPECT_NE(requests, plan_requests(scenario, mix, {}, 4));
  const double mean_s = static_cast<double>(requests.back().arrival_ns) * 1e-9 / 100'000;
  EXPECT_NEAR(mean_s, 0.2, 0.002);
  std::size_t above_mean = 0;
  for (std::size_t i = 1; i < requests.size(); ++i) {
    ASSERT_GE(requests[i].arrival_ns, requests[i - 1].arrival_ns);
    above_mean += requests[i].arrival_ns - requests[i - 1].arrival_ns > 200 * kMs ? 1U : 0U;
  }
  EXPECT_NEAR(static_cast<double>(above_mean) / 1e5, std::exp(-1), 0.005);
}

TEST(RequestPlan, LengthsFollowTheirDistributionsAndDoNotDependOnTheRate) {
  RequestMix mix{.requests = 50'000,
                 .duration_s = 0,
                 .prompt = {LengthDistribution::Kind::kUniform, 16, 48, 0, 0},
                 .output = {LengthDistribution::Kind::kLognormal, 1, 4000, 100, 0.5}};
  const auto slow = plan_requests({.kind = ScenarioKind::kOpen, .rate = 1}, mix, {}, 9);
  const auto closed = plan_requests({.kind = ScenarioKind::kClosed, .concurrency = 4}, mix, {}, 9);
  double prompt_sum = 0;
  double log_sum = 0;
  double log_squares = 0;
  for (std::size_t i = 0; i < slow.size(); ++i) {
    EXPECT_EQ(slow[i].prompt_tokens, closed[i].prompt_tokens);
    EXPECT_EQ(slow[i].output_tokens, closed[i].output_tokens);
    EXPECT_GE(slow[i].prompt_tokens, 16);
    EXPECT_LE(slow[i].prompt_tokens, 48);
    prompt_sum += slow[i].prompt_tokens;
    const double log = std::log(slow[i].output_tokens / 100.0);
    log_sum += log;
    log_squares += log * log;
  }
  EXPECT_NEAR(prompt_sum / 50'000, 32, 0.2);
  EXPECT_NEAR(log_sum / 50'000, 0, 0.01);
  EXPECT_NEAR(std::sqrt(log_squares / 50'000), 0.5, 0.01);
  mix.duration_s = 100;
  EXPECT_NEAR(static_cast<double>(plan_requests({.kind = ScenarioKind::kOpen, .rate = 10}, mix, {}, 9).size()), 1000,
              120);
}

TEST(RequestPlan, ConstantArrivalsBeginAtOnce) {
  const RequestMix mix{
      .requests = 3, .duration_s = 0, .prompt = LengthDistribution::fixed(8), .output = LengthDistribution::fixed(4)};
  const Scenario scenario{.kind = ScenarioKind::kOpen, .rate = 4, .arrivals = ArrivalProcess::kConstant};
  const auto requests = plan_requests(scenario, mix, {}, 1);
  EXPECT_THAT(requests[0].arrival_ns, 0U);
  EXPECT_THAT(requests[2].arrival_ns, 500 * kMs);
}

TEST(ScenarioText, ReadsBackWhatItWrites) {
  for (const char* text : {"offline", "closed 8", "open 2/s", "open 0.25/s constant", "trace azure.csv",
                           "offline, stream", "open 2/s constant, whole", "max rate p99 ttft 200 ms tpot 50.5 ms",
                           "max rate p95 ttft 200 ms constant", "max rate p90 tpot 5 ms"}) {
    const auto scenario = scenario_from(text);
    ASSERT_TRUE(scenario) << text;
    EXPECT_EQ(to_string(*scenario), text);
  }
  for (const char* text : {"", "closed", "closed 0", "closed -1", "open 0/s", "open 2", "open x/s", "open inf/s",
                           "trace ", "batch", "batch, stream", "offline, none", "max rate p99",
                           "max rate p100 ttft 1 ms", "max rate p9 ttft 1", "max rate p9 tpot 1 ms ttft 1 ms"}) {
    EXPECT_FALSE(scenario_from(text)) << text;
  }
}

}  // namespace
}  // namespace inferbench
