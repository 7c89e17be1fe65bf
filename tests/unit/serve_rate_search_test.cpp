// SPDX-License-Identifier: Apache-2.0
// The search of the highest rate, where queueing theory knows the answer.
#include <gmock/gmock.h>

#include <cmath>

#include "serve/load_metrics.hpp"
#include "serve/rate_search.hpp"
#include "serve/request_plan.hpp"
#include "serve_fixture.hpp"

namespace inferbench {
namespace {

using testing::Optional;

constexpr double kServiceMs = 1;

// Probability that a request of an M/D/1 queue waits for at most `wait` services (Crommelin 1932).
double waits_at_most(double load, double wait) {
  double sum = 0;
  for (int k = 0; k <= static_cast<int>(wait); ++k) {
    const double x = load * (k - wait);
    sum += std::pow(x, k) / std::tgamma(k + 1) * std::exp(-x);
  }
  return (1 - load) * sum;
}

// The load at which `share` of the requests wait for at most `wait` services.
double load_that_holds(double share, double wait) {
  double low = 0;
  double high = 1;
  for (int i = 0; i < 60; ++i) {
    const double load = (low + high) / 2;
    (waits_at_most(load, wait) >= share ? low : high) = load;
  }
  return low;
}

class RateSearchTest : public testing::Test {
 protected:
  // Requests of one token, each of which takes one call of kServiceMs on the only slot.
  RateSearchResult search(std::int32_t requests, const RateGoal& goal, std::int32_t ramp_up = 0) {
    LoadPlan plan;
    RequestMix mix;
    mix.requests = requests;
    mix.prompt = mix.output = LengthDistribution::fixed(1);
    Scenario scenario;
    scenario.kind = ScenarioKind::kOpen;
    scenario.rate = 1;
    for (const PlannedRequest& planned : plan_requests(scenario, mix, {}, 7)) {
      Request& request = plan.requests.emplace_back();
      request.arrival_ns = planned.arrival_ns;
      request.prompt = {1};
    }
    plan.should_stop = should_stop;
    const LoadClock clock{[this] { return engine.now; }, [this](std::uint64_t time) { engine.now = time; }};
    return search_max_rate(plan, ramp_up, goal, {.max_batch = 1, .token_budget = 1, .max_tokens = 1}, engine, clock);
  }

  void SetUp() override { engine.keep_calls = false; }

  SimulatedEngine engine{[](auto) { return static_cast<std::uint64_t>(kServiceMs * 1e6); }};
  std::function<bool()> should_stop{};
};

TEST_F(RateSearchTest, FindsTheRateThatAnMD1QueueHolds) {
  for (const auto& [percentile, wait] : {std::pair{90.0, 1.5}, {95.0, 3.0}, {99.0, 6.0}}) {
    RateGoal goal;
    goal.objective.ttft_ms = (wait + 1) * kServiceMs;
    goal.percentile = percentile;
    goal.within = 0.01;
    const MaxRate answer = search(100'000, goal, 1000).answer;
    EXPECT_NEAR(answer.offline_rate, 1000 / kServiceMs, 1e-6);
    ASSERT_TRUE(answer.holds && answer.fails);
    EXPECT_LE(*answer.fails / *answer.holds, 1.01);
    const double expected = load_that_holds(percentile / 100, wait) * 1000 / kServiceMs;
    EXPECT_NEAR(std::sqrt(*answer.holds * *answer.fails) / expected, 1, 0.02) << percentile;
  }
}

TEST_F(RateSearchTest, TheRunAtTheAnswerIsKept) {
  RateGoal goal;
  goal.objective.ttft_ms = 4;
  goal.percentile = 90;
  const RateSearchResult result = search(2000, goal);
  ASSERT_TRUE(result.answer.holds);
  ASSERT_EQ(result.load.outcomes.size(), 2000U);
  const double span_s =
      static_cast<double>(result.load.outcomes.back().arrival_ns - result.load.outcomes.front().arrival_ns) * 1e-9;
  EXPECT_NEAR(1999 / span_s / *result.answer.holds, 1, 0.1);
  std::size_t good = 0;
  for (const RequestOutcome& outcome : result.load.outcomes) good += meets(outcome, goal.objective) ? 1U : 0U;
  EXPECT_GE(good, 1800U);
}

TEST_F(RateSearchTest, AnObjectiveThatEveryRateMeetsIsBoundedByTheThroughput) {
  RateGoal goal;
  goal.objective.ttft_ms = 1e9;
  const MaxRate answer = search(200, goal).answer;
  EXPECT_THAT(answer.holds, Optional(answer.offline_rate));
  EXPECT_FALSE(answer.fails);
  EXPECT_EQ(answer.probes.size(), 1U);
}

TEST_F(RateSearchTest, AnObjectiveThatNoRequestMeetsHasNoRate) {
  RateGoal goal;
  goal.objective.ttft_ms = kServiceMs / 2;
  const RateSearchResult result = search(200, goal);
  EXPECT_FALSE(result.answer.holds);
  EXPECT_THAT(result.answer.fails, Optional(result.answer.offline_rate / 64));
  for (const RateProbe& probe : result.answer.probes) EXPECT_EQ(probe.missed, 3);  // 2 are allowed
  EXPECT_EQ(result.load.outcomes.size(), 200U);
  EXPECT_FALSE(result.load.stopped);
}

TEST_F(RateSearchTest, ASearchThatIsStoppedSaysSo) {
  RateGoal goal;
  goal.objective.ttft_ms = 4;
  should_stop = [this] { return engine.now > 1'000'000'000; };
  EXPECT_TRUE(search(500, goal).load.stopped);
}

}  // namespace
}  // namespace inferbench
