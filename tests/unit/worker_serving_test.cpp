// SPDX-License-Identifier: Apache-2.0
// Scenarios through the C ABI: the worker's end, and what goes over the socket and into the run folder.
#include <gmock/gmock.h>

#include <nlohmann/json.hpp>

#include "results/outcome_json.hpp"
#include "results/trial_record.hpp"
#include "support/error.hpp"
#include "support/test_paths.hpp"
#include "worker/frame.hpp"
#include "worker/loaded_contender.hpp"
#include "worker/messages.hpp"

namespace inferbench {
namespace {

using testing::HasSubstr;

constexpr std::uint64_t kMsInNs = 1'000'000;

TrialRequest scenario_request(std::size_t n) {
  TrialRequest request;
  request.batch = 3;
  request.prompt_tokens = 9;
  request.generate_tokens = 6;
  ServingRequest& serving = request.serving.emplace();
  serving.kind = ScenarioKind::kOpen;
  serving.token_budget = 4;
  serving.ramp_up = 1;
  serving.goal.objective.ttft_ms = 1e6;
  for (std::size_t i = 0; i < n; ++i) {
    serving.arrivals_ns.push_back(i * kMsInNs);
    serving.lengths.push_back(static_cast<std::int32_t>(3 + i % 7));
    serving.outputs.push_back(static_cast<std::int32_t>(1 + i % 6));
    for (std::int32_t t = 0; t < serving.lengths.back(); ++t) {
      request.prompts.push_back(static_cast<std::int32_t>((i * 31 + static_cast<std::size_t>(t) * 7) % 64));
    }
  }
  return request;
}

LoadRequest load_request() {
  LoadRequest request;
  request.contender = "null";
  request.plugin = std::string(test_paths::kPlugins) + "/libnull.so";
  request.model = "tiny";
  request.model_base = test_paths::kData;
  request.precision = "none";
  return request;
}

class WorkerServing : public testing::Test {
 protected:
  void SetUp() override { ASSERT_EQ(contender.load(load_request()).error, ""); }
  LoadedContender contender;
};

TEST_F(WorkerServing, EveryRequestGetsItsTokens) {
  const TrialRequest request = scenario_request(20);
  const TrialOutcome outcome = contender.run(request);
  ASSERT_EQ(outcome.status, TrialStatus::kOk) << outcome.error;
  ASSERT_TRUE(outcome.serving);
  EXPECT_FALSE(outcome.metrics);
  ASSERT_EQ(outcome.serving->requests.size(), 20U);
  std::size_t slots = 0;
  for (std::size_t i = 0; i < 20; ++i) {
    const RequestOutcome& one = outcome.serving->requests[i];
    EXPECT_EQ(one.reason, FinishReason::kLength);
    EXPECT_EQ(one.tokens_ns.size(), static_cast<std::size_t>(request.serving->outputs[i]));
    EXPECT_EQ(one.arrival_ns - outcome.serving->requests[0].arrival_ns, i * kMsInNs);
    EXPECT_GE(one.submit_ns, one.arrival_ns);
    EXPECT_GE(one.admitted_ns, one.submit_ns);
    slots = std::max(slots, static_cast<std::size_t>(one.slot) + 1);
  }
  EXPECT_LE(slots, 3U);
  const LoadMetrics& metrics = outcome.serving->metrics;
  EXPECT_EQ(metrics.ok, 19);
  EXPECT_EQ(metrics.success_rate, 1);
  EXPECT_GE(metrics.makespan_s, 0.019);
  EXPECT_TRUE(metrics.goodput_per_s);
  EXPECT_GT(outcome.serving->totals.steps, 20U);
  EXPECT_GE(outcome.kv_bytes.value_or(1), 1U);
}

TEST_F(WorkerServing, ASearchEndsBetweenARateThatHoldsAndOneThatFails) {
  TrialRequest request = scenario_request(20);
  request.serving->kind = ScenarioKind::kMaxRate;
  request.serving->goal.percentile = 90;
  request.serving->goal.objective.ttft_ms = 1e6;
  for (std::size_t i = 0; i < 20; ++i) request.serving->arrivals_ns[i] = i * 1000 * kMsInNs;
  TrialOutcome outcome = contender.run(request);
  ASSERT_EQ(outcome.status, TrialStatus::kOk) << outcome.error;
  ASSERT_TRUE(outcome.serving && outcome.serving->max_rate);
  EXPECT_EQ(outcome.serving->max_rate->holds, outcome.serving->max_rate->offline_rate);
  EXPECT_FALSE(outcome.serving->max_rate->fails);
  EXPECT_EQ(outcome.serving->requests.size(), 20U);
  TrialRecord record;
  record.outcome = outcome;
  EXPECT_EQ(parse_trial_record(to_json_line(record)).outcome.serving->max_rate, outcome.serving->max_rate);

  request.serving->goal.objective.ttft_ms = 1e-6;
  outcome = contender.run(request);
  ASSERT_EQ(outcome.status, TrialStatus::kOk) << outcome.error;
  EXPECT_FALSE(outcome.serving->max_rate->holds);
  EXPECT_LT(*outcome.serving->max_rate->fails, outcome.serving->max_rate->offline_rate);
  record.outcome = outcome;
  EXPECT_EQ(parse_trial_record(to_json_line(record)).outcome.serving->max_rate, outcome.serving->max_rate);

  request.timeout_s = 0.02;
  request.serving->goal.objective.ttft_ms = 1e6;
  for (std::size_t i = 0; i < 20; ++i) request.serving->arrivals_ns[i] = i * 1'000'000 * kMsInNs;
  outcome = contender.run(request);
  EXPECT_EQ(outcome.status, TrialStatus::kTimeout);
  EXPECT_THAT(outcome.error, HasSubstr("the search of a rate took longer than its time limit"));
}

TEST_F(WorkerServing, TextIsDeliveredInEitherWay) {
  LoadRequest load = load_request();
  load.model = "shakespeare";
  LoadedContender with_text;
  ASSERT_EQ(with_text.load(load).error, "");
  for (const Delivery delivery : {Delivery::kStream, Delivery::kWhole, Delivery::kNone}) {
    TrialRequest request = scenario_request(20);
    request.serving->delivery = delivery;
    const TrialOutcome outcome = with_text.run(request);
    ASSERT_EQ(outcome.status, TrialStatus::kOk) << outcome.error;
    EXPECT_EQ(outcome.serving->metrics.success_rate, 1);
    EXPECT_EQ(outcome.serving->totals.delivery_s > 0, delivery != Delivery::kNone);
  }
}

TEST_F(WorkerServing, ABatchAfterwardsIsAsBefore) {
  TrialRequest batch;
  batch.batch = 2;
  batch.prompt_tokens = 4;
  batch.generate_tokens = 3;
  batch.prompts = {1, 2, 3, 4, 5, 6, 7, 8};
  const TrialOutcome before = contender.run(batch);
  contender.run(scenario_request(5));
  const TrialOutcome after = contender.run(batch);
  ASSERT_TRUE(before.metrics && after.metrics);
  EXPECT_EQ(before.digest, after.digest);
  EXPECT_FALSE(after.serving);
}

TEST_F(WorkerServing, ARequestBeyondTheContextIsOneFailedRequest) {
  TrialRequest request = scenario_request(4);
  request.serving->outputs[2] = 1'000'000;
  const TrialOutcome outcome = contender.run(request);
  ASSERT_EQ(outcome.status, TrialStatus::kOk) << outcome.error;
  EXPECT_EQ(outcome.serving->requests[2].reason, FinishReason::kRefused);
  EXPECT_THAT(outcome.serving->requests[2].error, HasSubstr("the context has"));
  EXPECT_NEAR(outcome.serving->metrics.success_rate, 2.0 / 3, 1e-12);
}

TEST_F(WorkerServing, TheTimeLimitEndsTheRun) {
  TrialRequest request = scenario_request(2);
  request.serving->arrivals_ns[1] = 200 * kMsInNs;
  request.timeout_s = 0.02;
  EXPECT_EQ(contender.run(request).status, TrialStatus::kTimeout);
}

TEST_F(WorkerServing, TheOutcomeSurvivesTheSocketAndTheRunFolder) {
  const TrialOutcome outcome = contender.run(scenario_request(8));
  const TrialOutcome sent =
      trial_outcome_from(nlohmann::json::from_msgpack(nlohmann::json::to_msgpack(to_json(outcome))));
  ASSERT_TRUE(sent.serving);
  EXPECT_EQ(sent.serving->metrics, outcome.serving->metrics);
  TrialRecord record;
  record.point.scenario = "open 1000/s";
  record.outcome = sent;
  const TrialRecord read = parse_trial_record(to_json_line(record));
  EXPECT_EQ(read.point.scenario, "open 1000/s");
  ASSERT_TRUE(read.outcome.serving);
  EXPECT_EQ(read.outcome.serving->metrics, outcome.serving->metrics);
  EXPECT_EQ(read.outcome.serving->totals, outcome.serving->totals);
  EXPECT_EQ(read.outcome.serving->requests.back().slot, outcome.serving->requests.back().slot);
}

TEST(ServingRow, TimesThatCannotBeAreRefused) {
  TrialOutcome outcome;
  outcome.status = TrialStatus::kOk;
  RequestOutcome& one = outcome.serving.emplace().requests.emplace_back();
  one.reason = FinishReason::kLength;
  one.slot = 0;
  one.arrival_ns = 5;
  one.submit_ns = one.admitted_ns = 6;
  one.tokens_ns = {8, 9};
  one.end_ns = 9;
  EXPECT_NO_THROW(trial_outcome_from(to_json(outcome)));
  for (const char* column : {"token_ns", "end_ns", "finish", "slot"}) {
    nlohmann::json row = to_json(outcome);
    row["serving"]["requests"].erase(column);
    EXPECT_ANY_THROW(trial_outcome_from(row)) << column;
  }
  nlohmann::json row = to_json(outcome);
  row["serving"]["requests"]["token_ns"] = {{4, 3}};
  EXPECT_THROW(trial_outcome_from(row), Error);
}

TEST(ServingMessage, IsReadBackAndChecked) {
  const TrialRequest request = scenario_request(6);
  EXPECT_EQ(trial_request_of(run_message(3, request)), request);
  const auto refused = [&](const char* key, const nlohmann::json& value) {
    nlohmann::json message = run_message(3, request);
    message["request"]["serving"][key] = value;
    EXPECT_THROW(trial_request_of(message), ProtocolError) << key;
  };
  refused("kind", "rush");
  refused("policy", "random");
  refused("delivery", "later");
  refused("token_budget", 0);
  refused("percentile", 100);
  refused("within", 0);
  refused("lengths", {1, 2});
  refused("lengths", {1, 2, 3, 4, 5, -6});
  refused("outputs", {1, 1, 1, 1, 1, 0});
  refused("arrivals_ns", {5, 4, 3, 2, 1, 0});
  nlohmann::json message = run_message(3, request);
  message["request"]["prompts"].push_back(1);
  EXPECT_THROW(trial_request_of(message), ProtocolError);
}

}  // namespace
}  // namespace inferbench
