// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>

#include <set>
#include <string>

#include "serve_fixture.hpp"

namespace inferbench {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Pair;

constexpr std::uint64_t kStepNs = 1000;

SchedulerOptions options_of(std::int32_t max_batch, std::int32_t budget) {
  return {.max_batch = max_batch, .token_budget = budget, .max_tokens = 100};
}

class SchedulerTest : public testing::Test {
 protected:
  Scheduler& start(const SchedulerOptions& options) {
    SchedulerEvents events;
    events.token = [this](RequestId id, std::int32_t token, std::uint64_t) { return on_token(id, token); };
    events.finished = [this](RequestOutcome outcome) { outcomes.push_back(std::move(outcome)); };
    scheduler.emplace(
        options, engine, [this] { return engine.now; }, std::move(events));
    return *scheduler;
  }

  static Request request(RequestId id, std::int32_t prompt, std::int32_t tokens) {
    Request made;
    made.id = id;
    made.prompt.assign(static_cast<std::size_t>(prompt), 7);
    made.max_tokens = tokens;
    return made;
  }

  void drain() {
    while (!scheduler->idle()) scheduler->step();
  }

  std::vector<RequestId> ended() const {
    std::vector<RequestId> ids;
    for (const RequestOutcome& outcome : outcomes) ids.push_back(outcome.id);
    return ids;
  }

  SimulatedEngine engine{[](auto) { return kStepNs; }};
  std::optional<Scheduler> scheduler;
  std::vector<RequestOutcome> outcomes;
  std::function<bool(RequestId, std::int32_t)> on_token = [](RequestId, std::int32_t) { return true; };
};

TEST_F(SchedulerTest, FeedsAPromptInPiecesAndThenOneTokenPerStep) {
  start(options_of(2, 4)).submit(request(1, 10, 3));
  drain();
  EXPECT_THAT(engine.calls, ElementsAre(ElementsAre(Pair(0, 4)), ElementsAre(Pair(0, 4)), ElementsAre(Pair(0, 2)),
                                        ElementsAre(Pair(0, 1)), ElementsAre(Pair(0, 1))));
  ASSERT_EQ(outcomes.size(), 1U);
  EXPECT_EQ(outcomes[0].reason, FinishReason::kLength);
  EXPECT_THAT(outcomes[0].ids, ElementsAre(10, 11, 12));
  EXPECT_THAT(outcomes[0].tokens_ns, ElementsAre(3 * kStepNs, 4 * kStepNs, 5 * kStepNs));
  EXPECT_EQ(outcomes[0].end_ns, 5 * kStepNs);
  EXPECT_EQ(engine.held(0), 0);
}

TEST_F(SchedulerTest, DecodesFirstAndFillsTheBudgetWithPrompts) {
  start(options_of(3, 5)).submit(request(1, 5, 9));
  scheduler->step();
  scheduler->submit(request(2, 6, 1));
  scheduler->submit(request(3, 6, 1));
  const StepReport report = scheduler->step();
  scheduler->step();
  EXPECT_THAT(engine.calls[1], ElementsAre(Pair(0, 1), Pair(1, 4)));
  EXPECT_THAT(engine.calls[2], ElementsAre(Pair(0, 1), Pair(1, 2), Pair(2, 2)));
  EXPECT_EQ(report.prefill_tokens, 4);
  EXPECT_EQ(report.decode_tokens, 1);
}

TEST_F(SchedulerTest, PrefillFirstLetsDecodingWait) {
  SchedulerOptions options = options_of(2, 5);
  options.policy = SchedulePolicy::kPrefillFirst;
  start(options).submit(request(1, 5, 9));
  scheduler->step();
  scheduler->submit(request(2, 7, 2));
  for (int i = 0; i < 3; ++i) scheduler->step();
  EXPECT_THAT(engine.calls[1], ElementsAre(Pair(1, 5)));
  EXPECT_THAT(engine.calls[2], ElementsAre(Pair(1, 2)));
  EXPECT_THAT(engine.calls[3], ElementsAre(Pair(0, 1), Pair(1, 1)));
}

TEST_F(SchedulerTest, AdmitsInOrderAndOnlyWhatFitsIntoTheCache) {
  SchedulerOptions options = options_of(4, 100);
  options.kv_positions = 30;
  start(options).submit(request(1, 10, 11));  // 20 positions
  scheduler->submit(request(2, 12, 5));       // 16: must wait for the first
  scheduler->submit(request(3, 2, 2));        // would fit, but would overtake
  scheduler->step();
  EXPECT_EQ(scheduler->running(), 1U);
  EXPECT_EQ(scheduler->waiting(), 2U);
  drain();
  EXPECT_THAT(ended(), ElementsAre(1, 3, 2));
  EXPECT_EQ(outcomes[1].admitted_ns, outcomes[2].admitted_ns);
  EXPECT_EQ(outcomes[1].admitted_ns, outcomes[0].end_ns);
}

TEST_F(SchedulerTest, ACancelledRequestFreesItsSlotInTheNextStep) {
  start(options_of(1, 10)).submit(request(1, 3, 50));
  scheduler->submit(request(2, 3, 1));
  scheduler->submit(request(3, 3, 1));
  scheduler->step();
  scheduler->step();
  scheduler->cancel(1);
  scheduler->cancel(3);
  scheduler->cancel(99);
  EXPECT_THAT(outcomes, IsEmpty());
  scheduler->step();
  EXPECT_THAT(ended(), ElementsAre(1, 3, 2));
  EXPECT_EQ(outcomes[0].reason, FinishReason::kCancelled);
  EXPECT_EQ(outcomes[0].ids.size(), 2U);
  EXPECT_EQ(outcomes[1].reason, FinishReason::kCancelled);
  EXPECT_EQ(outcomes[1].slot, -1);
  EXPECT_EQ(outcomes[2].slot, 0);
  EXPECT_THAT(outcomes[2].ids, ElementsAre(3));  // the slot was empty
}

TEST_F(SchedulerTest, EndsAtAStopIdAndWhenTheReceiverWantsNoMore) {
  Request stopped = request(1, 5, 20);
  stopped.stop_ids = {7};
  start(options_of(2, 20)).submit(std::move(stopped));
  scheduler->submit(request(2, 5, 20));
  on_token = [](RequestId id, std::int32_t token) { return id != 2 || token < 9; };
  drain();
  EXPECT_THAT(outcomes[0].ids, ElementsAre(5, 6, 7));
  EXPECT_THAT(outcomes[1].ids, ElementsAre(5, 6, 7, 8, 9));
  EXPECT_EQ(outcomes[0].reason, FinishReason::kStop);
  EXPECT_EQ(outcomes[1].reason, FinishReason::kStop);
}

TEST_F(SchedulerTest, APickerGetsTheLogitsOfItsRequestAlone) {
  Request picked = request(2, 4, 2);
  picked.pick = [](std::span<const float> logits) {
    EXPECT_EQ(logits.size(), static_cast<std::size_t>(SimulatedEngine::kVocab));
    EXPECT_EQ(logits.front(), 1);
    return 42;
  };
  Request failing = request(3, 4, 2);
  failing.pick = [](std::span<const float>) -> std::int32_t { throw std::runtime_error("no logits"); };
  start(options_of(3, 20)).submit(request(1, 3, 2));
  scheduler->submit(std::move(picked));
  scheduler->submit(std::move(failing));
  drain();
  EXPECT_THAT(ended(), ElementsAre(3, 1, 2));
  EXPECT_EQ(outcomes[0].reason, FinishReason::kFailed);
  EXPECT_EQ(outcomes[0].error, "no logits");
  EXPECT_THAT(outcomes[1].ids, ElementsAre(3, 4));
  EXPECT_THAT(outcomes[2].ids, ElementsAre(42, 42));
}

TEST_F(SchedulerTest, RefusesWhatCouldNeverRun) {
  start(options_of(2, 10)).submit(request(1, 90, 12));
  scheduler->submit(request(2, 0, 1));
  scheduler->submit(request(3, 1, 0));
  Request wrong = request(4, 2, 1);
  wrong.prompt[1] = -1;
  scheduler->submit(std::move(wrong));
  ASSERT_EQ(outcomes.size(), 4U);
  for (const RequestOutcome& outcome : outcomes) EXPECT_EQ(outcome.reason, FinishReason::kRefused);
  EXPECT_THAT(outcomes[0].error, HasSubstr("need 101 positions, the context has 100"));
  EXPECT_THAT(outcomes[3].error, HasSubstr("prompt token -1 is outside the vocabulary"));
  EXPECT_TRUE(scheduler->idle());
  scheduler->submit(request(5, 90, 11));  // exactly the context
  drain();
  EXPECT_EQ(outcomes.back().reason, FinishReason::kLength);
}

TEST_F(SchedulerTest, AFailedCallEndsItsRequestsAndTheNextOnesRun) {
  start(options_of(1, 10)).submit(request(1, 3, 5));
  scheduler->submit(request(2, 3, 1));
  engine.fail_next = true;
  drain();
  ASSERT_EQ(outcomes.size(), 2U);
  EXPECT_EQ(outcomes[0].reason, FinishReason::kFailed);
  EXPECT_EQ(outcomes[0].error, "planted failure");
  EXPECT_TRUE(outcomes[1].ok());
}

TEST_F(SchedulerTest, ALostEngineEndsEverything) {
  start(options_of(2, 10));
  for (RequestId id = 1; id <= 5; ++id) scheduler->submit(request(id, 3, 3));
  engine.fail_truncate = true;
  drain();
  scheduler->submit(request(6, 3, 3));
  EXPECT_EQ(std::set<RequestId>({1, 2, 3, 4, 5, 6}).size(), outcomes.size());
  EXPECT_TRUE(outcomes[0].ok());  // it had all of its tokens
  for (std::size_t i = 1; i < outcomes.size(); ++i) {
    EXPECT_EQ(outcomes[i].reason, FinishReason::kFailed);
    EXPECT_EQ(outcomes[i].error, "the engine is lost: planted loss");
  }
}

TEST_F(SchedulerTest, RefusesOptionsThatMakeNoSense) {
  EXPECT_THROW(start(options_of(0, 10)), std::invalid_argument);
  EXPECT_THROW(start(options_of(8, 7)), std::invalid_argument);
  SchedulerOptions options = options_of(1, 1);
  options.max_tokens = 0;
  EXPECT_THROW(start(options), std::invalid_argument);
}

}  // namespace
}  // namespace inferbench
