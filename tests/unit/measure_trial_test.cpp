// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>
#include <gmock/gmock.h>

#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <vector>

#include "measure/clock.hpp"
#include "measure/trial.hpp"
#include "measure/trial_status.hpp"

namespace inferbench {
namespace {

using testing::DoubleNear;
using testing::ElementsAre;
using testing::Optional;

constexpr std::uint64_t kMs = 1'000'000;

TEST(TrialMetrics, FollowTheirDefinitions) {
  // Submitted at 10 ms; tokens at 60, 80, 110, 120 ms: ttft 50, decode 60 ms over 3 intervals.
  const TrialTimes times{10 * kMs, {60 * kMs, 80 * kMs, 110 * kMs, 120 * kMs}};
  const TrialMetrics metrics = derive_metrics(times, 4, 100);
  EXPECT_DOUBLE_EQ(metrics.ttft_ms, 50);
  EXPECT_DOUBLE_EQ(metrics.prefill_tokens_per_s, 4 * 100 / 0.050);
  EXPECT_DOUBLE_EQ(metrics.e2e_ms, 110);
  EXPECT_THAT(metrics.decode_ms_per_token, Optional(DoubleNear(20, 1e-9)));
  EXPECT_THAT(metrics.decode_tokens_per_s, Optional(DoubleNear(4 * 3 / 0.060, 1e-9)));
  EXPECT_THAT(metrics.inter_token_ms, ElementsAre(DoubleNear(20, 1e-9), DoubleNear(30, 1e-9), DoubleNear(10, 1e-9)));
}

TEST(TrialMetrics, OneTokenHasNoDecode) {
  const TrialMetrics metrics = derive_metrics({0, {5 * kMs}}, 1, 8);
  EXPECT_DOUBLE_EQ(metrics.ttft_ms, 5);
  EXPECT_DOUBLE_EQ(metrics.e2e_ms, 5);
  EXPECT_FALSE(metrics.decode_ms_per_token);
  EXPECT_FALSE(metrics.decode_tokens_per_s);
  EXPECT_TRUE(metrics.inter_token_ms.empty());
}

// A backend behind the raw call. It emits the sum of everything that each sequence was fed, and records every call.
struct FakeSession {
  std::vector<std::vector<std::int32_t>> fed;  // per call: n_sequences, then slot, n_tokens and last token of each
  std::vector<std::int64_t> sums = std::vector<std::int64_t>(8, 0);
  int fail_at = -1;
  std::uint64_t spin_ns = 0;
  int wrong_at = -1;                       // the call in which the last sequence gets the id below
  std::optional<std::int32_t> wrong = {};  // invalid id, or none

  static ib_status forward(ib_session* session, const ib_forward_params* params, ib_error* error) {
    auto& self = *reinterpret_cast<FakeSession*>(session);
    std::vector<std::int32_t> call{params->n_sequences, params->sequences[0].output};
    for (std::int32_t i = 0; i < params->n_sequences; ++i) {
      const ib_sequence& sequence = params->sequences[i];
      EXPECT_EQ(sequence.output, params->sequences[0].output);
      for (std::int32_t j = 0; j < sequence.n_tokens; ++j) {
        self.sums[static_cast<std::size_t>(sequence.slot)] += sequence.tokens[j];
      }
      call.insert(call.end(), {sequence.slot, sequence.n_tokens, sequence.tokens[sequence.n_tokens - 1]});
    }
    self.fed.push_back(call);
    if (self.fail_at == static_cast<int>(self.fed.size()) - 1) {
      error->message[0] = 'x';
      error->message[1] = '\0';
      return IB_OUT_OF_MEMORY;
    }
    if (params->sequences[0].output == IB_OUTPUT_NONE) return IB_OK;
    if (params->ids_capacity < static_cast<std::uint64_t>(params->n_sequences)) return IB_INVALID_ARGUMENT;
    const bool wrong = self.wrong_at == static_cast<int>(self.fed.size()) - 1;
    for (std::int32_t i = 0; i < params->n_sequences; ++i) {
      if (wrong && i == params->n_sequences - 1) {
        if (self.wrong) params->ids[i] = *self.wrong;
        continue;
      }
      params->ids[i] = static_cast<std::int32_t>(self.sums[static_cast<std::size_t>(params->sequences[i].slot)] % 100);
    }
    const std::uint64_t begin = now_ns();
    while (now_ns() - begin < self.spin_ns) {
    }
    return IB_OK;
  }
  SessionCall call() { return {reinterpret_cast<ib_session*>(this), &forward}; }
};

TEST(TrialLoop, PrefillsOnceAndFeedsEachIdBack) {
  FakeSession session;
  const std::vector<std::int32_t> prompts{1, 2, 3, 10, 20, 30};
  TrialLoop loop(2, 3, 4, prompts, 100);
  ib_error error{};
  ASSERT_EQ(loop.run(session.call(), error), IB_OK);
  // Sums modulo 100: 6, 12, 24, 48 for slot 0; 60, 120, 140, 180 for slot 1.
  EXPECT_THAT(loop.ids(), ElementsAre(6, 60, 12, 20, 24, 40, 48, 80));
  ASSERT_EQ(session.fed.size(), 4U);
  EXPECT_THAT(session.fed[0], ElementsAre(2, IB_OUTPUT_GREEDY, 0, 3, 3, 1, 3, 30));
  EXPECT_THAT(session.fed[1], ElementsAre(2, IB_OUTPUT_GREEDY, 0, 1, 6, 1, 1, 60));
  EXPECT_THAT(session.fed[3], ElementsAre(2, IB_OUTPUT_GREEDY, 0, 1, 24, 1, 1, 40));
}

TEST(TrialLoop, FillsThePastInPiecesBeforeTheClockStarts) {
  FakeSession session;
  session.spin_ns = 1 * kMs;
  // Per slot: three past tokens, two prompt tokens
  const std::vector<std::int32_t> prompts{1, 2, 3, 4, 5, 10, 20, 30, 40, 50};
  TrialLoop loop(2, 2, 2, prompts, 100, 3);
  ib_error error{};
  ASSERT_EQ(loop.fill(session.call(), 2, error), IB_OK);
  ASSERT_EQ(session.fed.size(), 2U);
  EXPECT_THAT(session.fed[0], ElementsAre(2, IB_OUTPUT_NONE, 0, 2, 2, 1, 2, 20));
  EXPECT_THAT(session.fed[1], ElementsAre(2, IB_OUTPUT_NONE, 0, 1, 3, 1, 1, 30));
  const std::uint64_t filled = now_ns();
  ASSERT_EQ(loop.run(session.call(), error), IB_OK);
  EXPECT_GE(loop.times().submit, filled);
  EXPECT_THAT(session.fed[2], ElementsAre(2, IB_OUTPUT_GREEDY, 0, 2, 5, 1, 2, 50));
  // Sums modulo 100 over past and prompt: 15, 30 for slot 0; 150, 200 for slot 1.
  EXPECT_THAT(loop.ids(), ElementsAre(15, 50, 30, 0));
}

TEST(TrialLoop, AFailureWhileFillingIsTold) {
  FakeSession session;
  session.fail_at = 1;
  const std::vector<std::int32_t> prompts{1, 2, 3, 4};
  TrialLoop loop(1, 1, 2, prompts, 100, 3);
  ib_error error{};
  EXPECT_EQ(loop.fill(session.call(), 1, error), IB_OUT_OF_MEMORY);
  EXPECT_STREQ(error.message, "x");
  EXPECT_EQ(session.fed.size(), 2U);
}

TEST(TrialLoop, TimesEachForward) {
  FakeSession session;
  session.spin_ns = 2 * kMs;
  const std::vector<std::int32_t> prompts{1, 2};
  TrialLoop loop(1, 2, 5, prompts, 100);
  ib_error error{};
  ASSERT_EQ(loop.run(session.call(), error), IB_OK);
  const TrialMetrics metrics = derive_metrics(loop.times(), 1, 2);
  EXPECT_GE(metrics.ttft_ms, 2.0);
  EXPECT_EQ(metrics.inter_token_ms.size(), 4U);
  for (const double gap : metrics.inter_token_ms) EXPECT_GE(gap, 2.0);
  EXPECT_GE(metrics.e2e_ms, 10.0);
}

TEST(TrialLoop, StopsAtTheFirstFailure) {
  FakeSession session;
  session.fail_at = 2;
  const std::vector<std::int32_t> prompts{1, 2};
  TrialLoop loop(1, 2, 5, prompts, 100);
  ib_error error{};
  EXPECT_EQ(loop.run(session.call(), error), IB_OUT_OF_MEMORY);
  EXPECT_STREQ(error.message, "x");
  EXPECT_EQ(session.fed.size(), 3U);
}

std::string complaint_of(FakeSession& session) {
  TrialLoop loop(2, 1, 4, std::vector<std::int32_t>{1, 2}, 100);
  ib_error error{};
  EXPECT_EQ(loop.run(session.call(), error), IB_OK);
  return loop.wrong_id() ? describe(*loop.wrong_id(), 100) : "";
}

TEST(TrialLoop, NeverFeedsAWrongIdBack) {
  const std::string outside = "token 2 of sequence 1: id {} is outside the vocabulary of 100";
  for (const std::int32_t id : {100, 70000, -1, -5, std::numeric_limits<std::int32_t>::max()}) {
    FakeSession session;
    session.wrong_at = 2;
    session.wrong = id;
    EXPECT_EQ(complaint_of(session), fmt::format(fmt::runtime(outside), id));
    EXPECT_EQ(session.fed.size(), 3U);  // the fourth call would have been fed the invalid id
  }
  FakeSession silent;
  silent.wrong_at = 2;
  EXPECT_EQ(complaint_of(silent), "token 2 of sequence 1: the backend wrote no id");
  FakeSession late;  // the last ids are never fed, but they are checked too
  late.wrong_at = 3;
  late.wrong = 100;
  EXPECT_EQ(complaint_of(late), "token 3 of sequence 1: id 100 is outside the vocabulary of 100");
  FakeSession good;
  good.wrong_at = 1;
  good.wrong = 99;
  EXPECT_EQ(complaint_of(good), "");
}

TEST(TrialLoop, KnowsWhatItFedLast) {
  const std::vector<std::int32_t> prompts{1, 2, 3, 10, 20, 30};
  const auto last_of = [&](std::int32_t generate) {
    FakeSession session;
    TrialLoop loop(2, 3, generate, prompts, 100);
    ib_error error{};
    EXPECT_EQ(loop.run(session.call(), error), IB_OK);
    std::vector<std::int32_t> tokens;
    for (const ib_sequence& sequence : loop.last_fed()) tokens.push_back(*sequence.tokens);
    return tokens;
  };
  EXPECT_THAT(last_of(1), ElementsAre(3, 30));
  EXPECT_THAT(last_of(4), ElementsAre(24, 40));
}

TEST(TrialLoop, RefusesPromptsOfAnotherShape) {
  const std::vector<std::int32_t> prompts{1, 2, 3};
  EXPECT_THROW(TrialLoop(1, 3, 1, prompts, 100, 1), std::invalid_argument);
  EXPECT_THROW(TrialLoop(1, 3, 1, prompts, 100, -1), std::invalid_argument);
  EXPECT_THROW(TrialLoop(1, 3, 1, prompts, 0), std::invalid_argument);
  EXPECT_THROW(TrialLoop(2, 2, 4, prompts, 100), std::invalid_argument);
  EXPECT_THROW(TrialLoop(1, 3, 0, prompts, 100), std::invalid_argument);
}

TEST(TrialOutput, DigestTellsIdsApart) {
  const std::vector<std::int32_t> a{1, 2, 3};
  const std::vector<std::int32_t> b{1, 3, 2};
  EXPECT_EQ(digest_of(a), digest_of(std::vector<std::int32_t>{1, 2, 3}));
  EXPECT_NE(digest_of(a), digest_of(b));
  // FNV-1a's offset basis, and its hash of the bytes 61 00 00 00.
  EXPECT_EQ(digest_of({}), "cbf29ce484222325");
  EXPECT_EQ(digest_of(std::vector<std::int32_t>{0x61}), "ac804b820e4fe984");
}

TEST(TrialStatus, NamesRoundTrip) {
  for (const auto status :
       {TrialStatus::kOk, TrialStatus::kOom, TrialStatus::kTimeout, TrialStatus::kCrashed, TrialStatus::kUnsupported,
        TrialStatus::kInvalid, TrialStatus::kWrongOutput, TrialStatus::kUnreachable, TrialStatus::kSkipped}) {
    EXPECT_THAT(trial_status_from(to_string(status)), Optional(status));
  }
  EXPECT_FALSE(trial_status_from("fine"));
  EXPECT_EQ(trial_status_of(IB_OUT_OF_MEMORY), TrialStatus::kOom);
  EXPECT_EQ(trial_status_of(99), TrialStatus::kUnsupported);
}

}  // namespace
}  // namespace inferbench
