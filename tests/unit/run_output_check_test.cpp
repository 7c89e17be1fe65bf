// SPDX-License-Identifier: Apache-2.0
// Rows wait for the baseline of their block, and then receive the result of the comparison.
#include <gmock/gmock.h>

#include <cmath>
#include <limits>
#include <nlohmann/json.hpp>
#include <span>

#include "run/output_check.hpp"
#include "unit/results_fixture.hpp"
#include "worker/frame.hpp"
#include "worker/messages.hpp"

namespace inferbench {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

class OutputCheckTest : public testing::Test {
 protected:
  static Experiment two_contenders() {
    Experiment experiment;
    experiment.contenders = {{"base", "cpu_ref", "fp32", {}}, {"other", "cpu_ref", "fp32", {}}};
    experiment.baseline = "base";
    Point point;
    point.model = "m";
    point.prompt_tokens = 2;
    point.generate_tokens = 3;
    point.batch = 2;
    point.threads = 1;
    experiment.points = {point};
    experiment.models = {"m"};
    ModelFacts facts;
    facts.reference = "m";
    facts.config.vocab_size = 100;
    experiment.model_facts = {facts};
    return experiment;
  }

  OutputCheck make() {
    OutputCheck check(experiment_, plugins_, prompts_, quality_, [this](const MarginRequest& request) {
      asked_.push_back(request);
      return margin_;
    });
    for (const TrialRecord& record : written_) check.remember(record);
    return check;
  }

  std::vector<EndedTrial> add(OutputCheck& check, std::int32_t contender, std::int32_t block,
                              const std::vector<std::int32_t>& ids, std::uint64_t stream = 5) {
    TrialRecord record = row(contender, block, ids, stream);
    return check.add({0, contender, block, 0, stream}, record);
  }

  TrialRecord row(std::int32_t contender, std::int32_t block, const std::vector<std::int32_t>& ids,
                  std::uint64_t stream = 5) {
    TrialRecord record;
    record.contender = experiment_.contenders[static_cast<std::size_t>(contender)].name;
    record.precision = "fp32";
    record.point = experiment_.points[0];
    record.block = block;
    record.prompt_stream = stream;
    record.outcome.status = TrialStatus::kOk;
    record.outcome.ids = ids;
    record.outcome.digest = digest_of(ids);
    return record;
  }

  const Experiment experiment_ = two_contenders();  // must be complete before prompts_, which numbers its points
  PromptSource prompts_{experiment_};
  std::vector<PluginIdentity> plugins_;
  std::vector<QualityRecord> quality_;
  std::vector<TrialRecord> written_;
  MarginOutcome margin_{{TrialStatus::kOk, "", ""}, 0.5, 1.0};
  std::vector<MarginRequest> asked_;
};

TEST_F(OutputCheckTest, ARowWaitsForTheBaselineAndSaysWhereItDiffers) {
  OutputCheck check = make();
  EXPECT_THAT(add(check, 1, 0, {1, 2, 3, 4, 5, 6}), IsEmpty());
  const auto ready = add(check, 0, 0, {1, 2, 3, 9, 8, 7});
  ASSERT_EQ(ready.size(), 2U);
  const TrialRecord& other = ready[0].record;
  EXPECT_EQ(other.same_output, false);
  ASSERT_TRUE(other.divergence);
  EXPECT_EQ(other.divergence->token, 1);  // row-major [3, 2]: the fourth id differs
  EXPECT_EQ(other.divergence->sequence, 1);
  EXPECT_EQ(other.divergence->margin, 0.5);
  EXPECT_TRUE(other.divergence->wide);  // fp32 is never off by half a standard deviation
  ASSERT_EQ(asked_.size(), 1U);
  EXPECT_EQ(asked_[0].own, 9);
  EXPECT_EQ(asked_[0].other, 4);
  const auto prompts = prompts_.prompts_for(0, 5);
  // The prompt of sequence 1, and the id it emitted before
  EXPECT_THAT(asked_[0].ids, ElementsAre(prompts[2], prompts[3], 2));
  EXPECT_TRUE(other.outcome.ids.empty());
  EXPECT_EQ(ready[1].record.contender, "base");
  EXPECT_FALSE(ready[1].record.same_output);
}

TEST_F(OutputCheckTest, EqualIdsAreTheSameAndNobodyIsAsked) {
  OutputCheck check = make();
  EXPECT_EQ(add(check, 0, 0, {1, 2, 3, 4, 5, 6}).size(), 1U);
  const auto ready = add(check, 1, 0, {1, 2, 3, 4, 5, 6});
  ASSERT_EQ(ready.size(), 1U);
  EXPECT_EQ(ready[0].record.same_output, true);
  EXPECT_THAT(asked_, IsEmpty());
}

TEST_F(OutputCheckTest, ANarrowMarginIsNoFlagAndNoAnswerIsNoMargin) {
  margin_.margin = 1e-4;
  OutputCheck check = make();
  add(check, 0, 0, {1, 2, 3, 4, 5, 6});
  EXPECT_FALSE(add(check, 1, 0, {9, 2, 3, 4, 5, 6})[0].record.divergence->wide);
  margin_.status = TrialStatus::kSkipped;
  add(check, 0, 1, {1, 2, 3, 4, 5, 6}, 6);
  const auto unknown = add(check, 1, 1, {9, 2, 3, 4, 5, 6}, 6)[0].record.divergence;
  EXPECT_FALSE(unknown->margin);
  EXPECT_FALSE(unknown->wide);
}

TEST_F(OutputCheckTest, TheMeasuredErrorDecidesWhatIsWide) {
  QualityRecord quality;
  quality.contender = "other";
  quality.model = "m";
  quality.status = TrialStatus::kOk;
  WindowAgreement window;
  window.tokens = 1;
  window.greatest_error = 0.3;  // so a difference of two logits may be off by 0.6
  quality.agreement = summarize_agreement(std::vector{window}, true);
  quality_ = {quality};
  OutputCheck check = make();
  add(check, 0, 0, {1, 2, 3, 4, 5, 6});
  EXPECT_FALSE(add(check, 1, 0, {9, 2, 3, 4, 5, 6})[0].record.divergence->wide);
}

// By its name, "fp32" has an error of 1e-3 standard deviations at most; the backend says that it has 4 bits.
TEST_F(OutputCheckTest, TheErrorIsThatOfTheBitsThatTheBackendDeclares) {
  const auto wide = [&] {
    OutputCheck check = make();
    add(check, 0, 0, {1, 2, 3, 4, 5, 6});
    return add(check, 1, 0, {9, 2, 3, 4, 5, 6})[0].record.divergence->wide;
  };
  EXPECT_TRUE(wide());
  plugins_ = {{"base", "", "cpu_ref", "", "", "", false, PrecisionMeaning{32, false}},
              {"other", "", "cpu_ref", "", "", "", false, PrecisionMeaning{4, true}}};
  EXPECT_FALSE(wide());
}

// Twice the measured error is the limit, and a margin that is NaN is beyond every limit.
TEST_F(OutputCheckTest, TwiceTheErrorIsTheLimitAndNaNIsBeyondIt) {
  const auto wide = [&](double margin, std::optional<double> measured_error) {
    margin_.margin = margin;
    quality_.clear();
    if (measured_error) {
      QualityRecord record;
      record.contender = "other";
      record.model = "m";
      record.status = TrialStatus::kOk;
      WindowAgreement window;
      window.tokens = 1;
      window.greatest_error = *measured_error;
      record.agreement = summarize_agreement(std::vector{window}, true);
      quality_.push_back(record);
    }
    OutputCheck check = make();
    add(check, 0, 0, {1, 2, 3, 4, 5, 6});
    return add(check, 1, 0, {9, 2, 3, 4, 5, 6})[0].record.divergence->wide;
  };
  EXPECT_FALSE(wide(0.5, 0.26));
  EXPECT_TRUE(wide(0.5, 0.24));
  EXPECT_TRUE(wide(std::nan(""), 0.26));
  EXPECT_TRUE(wide(std::nan(""), std::nullopt));
}

TEST_F(OutputCheckTest, WithoutABaselineTheRowsComeAtTheEndOfTheBlock) {
  OutputCheck check = make();
  EXPECT_THAT(add(check, 1, 0, {1, 2, 3, 4, 5, 6}), IsEmpty());
  const auto ready = add(check, 1, 1, {1, 2, 3, 4, 5, 6}, 6);
  ASSERT_EQ(ready.size(), 1U);
  EXPECT_EQ(ready[0].record.block, 0);
  EXPECT_FALSE(ready[0].record.same_output);
  EXPECT_EQ(check.flush().size(), 1U);
  EXPECT_THAT(check.flush(), IsEmpty());
}

TEST_F(OutputCheckTest, AFailedBaselineHoldsNobodyUp) {
  OutputCheck check = make();
  add(check, 1, 0, {1, 2, 3, 4, 5, 6});
  TrialRecord failed = row(0, 0, {});
  failed.outcome = {};
  failed.outcome.status = TrialStatus::kCrashed;
  const auto ready = check.add({0, 0, 0, 0, 5}, failed);
  ASSERT_EQ(ready.size(), 2U);
  EXPECT_FALSE(ready[0].record.same_output);
}

TEST_F(OutputCheckTest, AResumedBlockIsComparedByDigest) {
  written_ = {row(0, 0, {1, 2, 3, 4, 5, 6})};
  OutputCheck check = make();
  const auto ready = add(check, 1, 0, {1, 2, 3, 4, 5, 7});
  ASSERT_EQ(ready.size(), 1U);
  EXPECT_EQ(ready[0].record.same_output, false);
  EXPECT_FALSE(ready[0].record.divergence);
}

TEST_F(OutputCheckTest, TheSamePromptMustGiveTheSameIds) {
  written_ = {row(1, 0, {1, 2, 3, 4, 5, 6})};
  OutputCheck check = make();
  add(check, 0, 1, {1, 2, 3, 4, 5, 6});
  EXPECT_TRUE(add(check, 1, 1, {1, 2, 3, 4, 5, 6})[0].record.ok());
  EXPECT_EQ(add(check, 1, 1, {1, 2, 3, 4, 5, 7})[0].record.outcome.status, TrialStatus::kWrongOutput);
}

TEST_F(OutputCheckTest, AWarmUpRepeatsWhatAnotherProcessRan) {
  OutputCheck check = make();
  TrialRecord first = row(0, 0, {1, 2, 3, 4, 5, 6}, 5);
  EXPECT_TRUE(check.add({0, 0, 0, 0, 5}, first)[0].record.ok());
  const auto next = [&](std::int32_t block, std::uint64_t stream, const std::string& warm_up_digest) {
    const TrialRecord record = row(0, block, {6, 5, 4, 3, 2, 1}, stream);
    return check.add({0, 0, block, 0, stream}, record, WarmUp{5, warm_up_digest})[0].record;
  };
  EXPECT_TRUE(next(1, 7, first.outcome.digest).ok());
  const TrialRecord other = next(2, 9, "0123456789abcdef");
  EXPECT_EQ(other.outcome.status, TrialStatus::kWrongOutput);
  EXPECT_THAT(other.outcome.error, testing::HasSubstr("another process"));
}

TEST_F(OutputCheckTest, EachAttemptIsComparedWithTheBaselineOfItsOwn) {
  TrialRecord earlier = row(0, 0, {1, 2, 3, 4, 5, 6}, 5);
  written_ = {earlier, row(1, 0, {1, 2, 3, 4, 5, 6}, 5)};
  OutputCheck check = make();
  TrialRecord again = row(1, 0, {6, 5, 4, 3, 2, 1}, 7);
  again.attempt = 1;
  EXPECT_THAT(check.add({0, 1, 0, 0, 5}, again), IsEmpty());  // not compared with the first attempt's baseline
  TrialRecord baseline = row(0, 0, {6, 5, 4, 3, 2, 1}, 7);
  baseline.attempt = 1;
  EXPECT_EQ(check.add({0, 0, 0, 0, 5}, baseline)[0].record.same_output, true);
}

TEST_F(OutputCheckTest, ABrokenBoundMarksTheTrials) {
  QualityRecord quality;
  quality.contender = "other";
  quality.model = "m";
  quality.status = TrialStatus::kWrongOutput;
  quality.error = "KL";
  quality_ = {quality};
  OutputCheck check = make();
  EXPECT_TRUE(add(check, 0, 0, {1, 2, 3, 4, 5, 6})[0].record.ok());
  const auto ready = add(check, 1, 0, {1, 2, 3, 4, 5, 6});
  EXPECT_EQ(ready[0].record.outcome.status, TrialStatus::kWrongOutput);
  EXPECT_EQ(ready[0].record.outcome.error, "quality: KL");
}

TEST(QualityMessages, SurviveTheirFrames) {
  const WindowRequest window{"/p/libcpu_ref.so", {1, 2, 3}, 1.5};
  const MarginRequest margin{{4, 5}, 6, 7, 2.5};
  const auto through = [](const nlohmann::json& message) {
    const auto frame = encode_frame(message);
    return decode_payload(std::span(frame).subspan(4));
  };
  const auto judge = through(judge_message(3, window));
  EXPECT_EQ(operation_of(judge), Operation::kJudge);
  EXPECT_EQ(window_request_of(judge), window);
  const auto ask = through(margin_message(4, margin));
  EXPECT_EQ(operation_of(ask), Operation::kMargin);
  EXPECT_EQ(margin_request_of(ask), margin);
  WindowOutcome outcome;
  outcome.status = TrialStatus::kOk;
  outcome.window.kl = std::numeric_limits<double>::quiet_NaN();
  outcome.window.tokens = 9;
  const WindowOutcome back = window_outcome_from(through(to_json(outcome)));
  EXPECT_TRUE(std::isnan(back.window.kl));
  EXPECT_EQ(back.window.tokens, 9U);
  EXPECT_THROW(window_request_of(through(judge_message(3, {"/p", {1}, 0}))), ProtocolError);
  EXPECT_THROW(margin_request_of(through(margin_message(3, {{}, 1, 2, 0}))), ProtocolError);
  EXPECT_THROW(margin_request_of(through(margin_message(3, {{1}, 1, 2, -1}))), ProtocolError);
}

}  // namespace
}  // namespace inferbench
