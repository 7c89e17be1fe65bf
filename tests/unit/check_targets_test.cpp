// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>

#include <cmath>
#include <cstdint>
#include <string>

#include "report/check.hpp"
#include "report/check_text.hpp"
#include "unit/check_fixture.hpp"
#include "unit/results_fixture.hpp"

namespace inferbench {
namespace {

using test::checked_run;
using test::failed_trial;
using test::mixed_run;
using test::quality_of;
using test::sample_info;
using test::sample_trial;
using test::target;
using test::verdict_of;
using test::with_status;
using test::within;
using testing::HasSubstr;
using testing::Not;
using testing::SizeIs;

TEST(JudgeInterval, HasThreeVerdicts) {
  EXPECT_EQ(judge_interval({1.2, 1.4}, true, 1.2), CheckVerdict::kPass);
  EXPECT_EQ(judge_interval({1.1, 1.4}, true, 1.2), CheckVerdict::kUnclear);
  EXPECT_EQ(judge_interval({1.0, 1.1}, true, 1.2), CheckVerdict::kFail);
  EXPECT_EQ(judge_interval({90, 100}, false, 100), CheckVerdict::kPass);
  EXPECT_EQ(judge_interval({90, 110}, false, 100), CheckVerdict::kUnclear);
  EXPECT_EQ(judge_interval({101, 110}, false, 100), CheckVerdict::kFail);
}

TEST(CheckTargets, JudgesAgainstTheBaseline) {
  const RunData run = checked_run(5);
  EXPECT_EQ(verdict_of(run, target("decode_tokens_per_s", true, 1.9, true)), CheckVerdict::kPass);
  EXPECT_EQ(verdict_of(run, target("decode_tokens_per_s", true, 2.0, true)), CheckVerdict::kUnclear);
  EXPECT_EQ(verdict_of(run, target("decode_tokens_per_s", true, 2.1, true)), CheckVerdict::kFail);
  EXPECT_EQ(verdict_of(run, target("ttft_ms", false, 0.55, true)), CheckVerdict::kPass);
  // Equal, with certainty
  EXPECT_EQ(verdict_of(run, target("peak_rss_bytes", false, 1.0, true)), CheckVerdict::kPass);
}

TEST(CheckTargets, JudgesAgainstNumbers) {
  const RunData run = checked_run(5);
  EXPECT_EQ(verdict_of(run, target("ttft_ms", false, 21, false)), CheckVerdict::kPass);
  EXPECT_EQ(verdict_of(run, target("ttft_ms", false, 20, false)), CheckVerdict::kUnclear);
  EXPECT_EQ(verdict_of(run, target("ttft_ms", false, 19, false)), CheckVerdict::kFail);
  EXPECT_EQ(verdict_of(checked_run(5, 1), target("ttft_ms", false, 100, false)), CheckVerdict::kUnclear);
}

// With 60 values and none above, p90 is significant (0.9^60 = 0.2%), p95 is not (0.95^60 = 5%).
TEST(CheckTargets, JudgesPercentilesByCounting) {
  Target wanted = target("ttft_ms", false, 21, false);
  wanted.percentile = 90;
  EXPECT_EQ(verdict_of(checked_run(5, 60), wanted), CheckVerdict::kPass);
  wanted.percentile = 95;
  const auto results = check_targets(checked_run(5, 60), {wanted});
  EXPECT_EQ(results.at(0).verdict, CheckVerdict::kUnclear);
  EXPECT_THAT(results.at(0).found, HasSubstr("0 of 60 values above; a pass needs 104 values"));
  wanted.value = 20;  // about half of the values are above
  EXPECT_EQ(verdict_of(checked_run(5, 60), wanted), CheckVerdict::kFail);
}

// Gaps: 7 per trial. With two slow trials out of eight, a quarter of all gaps are slow; more gaps per trial would not
// make that more certain.
TEST(CheckTargets, TakesGapsOfATrialTogether) {
  Target wanted = target("inter_token_ms", false, 6, false);
  wanted.percentile = 90;
  EXPECT_EQ(verdict_of(checked_run(5), wanted), CheckVerdict::kPass);
  RunData run = checked_run(5);
  run.trials[1] = sample_trial("quant", 0, 8);
  run.trials[3] = sample_trial("quant", 1, 8);
  EXPECT_EQ(verdict_of(run, wanted), CheckVerdict::kUnclear);
  wanted.value = 4;
  EXPECT_EQ(verdict_of(checked_run(5), wanted), CheckVerdict::kFail);
}

TEST(CheckTargets, JudgesPercentilesAgainstTheBaseline) {
  Target wanted = target("inter_token_ms", false, 0.6, true);
  wanted.percentile = 90;
  EXPECT_EQ(verdict_of(checked_run(5), wanted), CheckVerdict::kPass);
  wanted.value = 0.4;
  EXPECT_EQ(verdict_of(checked_run(5), wanted), CheckVerdict::kFail);
  EXPECT_EQ(verdict_of(checked_run(5, 3), wanted), CheckVerdict::kUnclear);
}

TEST(CheckTargets, FailWhereTheContenderFailed) {
  RunData run = checked_run(5, 2);  // a fail does not need five blocks
  run.trials[1] = failed_trial("quant", 0, TrialStatus::kOom, "2 GiB wanted");
  run.trials[3] = failed_trial("quant", 1, TrialStatus::kOom, "2 GiB wanted");
  const auto results = check_targets(run, {target("ttft_ms", false, 100, false)});
  EXPECT_EQ(results.at(0).verdict, CheckVerdict::kFail);
  EXPECT_THAT(results.at(0).found, HasSubstr("2 of 2 trials failed, the first oom: 2 GiB wanted"));
  run.trials.clear();
  EXPECT_EQ(check_targets(run, {target("ttft_ms", false, 100, false)}).at(0).verdict, CheckVerdict::kUnclear);
}

TEST(CheckTargets, OfAllContendersLeaveTheBaselineOutWhereItIsTheMeasure) {
  Target wanted = target("ttft_ms", false, 1, true);
  wanted.contender = "";
  EXPECT_THAT(check_targets(checked_run(5), {wanted}), SizeIs(1));
  wanted.times_baseline = false;
  EXPECT_THAT(check_targets(checked_run(5), {wanted}), SizeIs(2));
}

TEST(TargetsOf, AreThoseOfTheResolvedExperiment) {
  RunInfo info = sample_info();
  info.resolved_yaml =
      "name: x\ntargets:\n  - {contender: quant, metric: ttft_ms, at_most: 0.5 x baseline}\n"
      "  - {metric: inter_token_ms, percentile: 95, at_most: 200}\n";
  const auto targets = targets_of(info);
  ASSERT_THAT(targets, SizeIs(2));
  EXPECT_TRUE(targets[0].times_baseline);
  EXPECT_EQ(targets[1].percentile, 95);
  EXPECT_THAT(targets_of(sample_info()), SizeIs(0));
}

TEST(CheckTargets, ThatNothingWasRunForAreUnclear) {
  Target wanted = target("ttft_ms", false, 100, false);
  wanted.where.axes["batch"] = 77;
  const auto results = check_targets(checked_run(5), {wanted});
  ASSERT_THAT(results, SizeIs(1));
  EXPECT_EQ(results[0].verdict, CheckVerdict::kUnclear);
  EXPECT_EQ(results[0].requirement, "ttft_ms at most 100.0 ms at batch 77");
  EXPECT_EQ(overall_verdict({}), CheckVerdict::kUnclear);
  EXPECT_THAT(check_console({"x", "", {}}, false, true), HasSubstr("unclear nothing was judged"));
  // A backend that reports a setting as unsupported was not judged; one that crashed was.
  const RunData run = with_status(checked_run(5), "quant", TrialStatus::kUnsupported);
  EXPECT_EQ(verdict_of(run, target("ttft_ms", false, 100, false)), CheckVerdict::kUnclear);
}

TEST(CheckTargets, JudgeOnlyPointsThatHaveTheMetric) {
  const RunData run = mixed_run();
  const auto of_batch = check_targets(run, {target("decode_tokens_per_s", true, 100, false)});
  ASSERT_THAT(of_batch, SizeIs(1));
  EXPECT_EQ(of_batch[0].verdict, CheckVerdict::kPass);
  EXPECT_THAT(of_batch[0].point, Not(HasSubstr("offline")));
  const auto of_load = check_targets(run, {target("output_tokens_per_s", true, 900, false)});
  ASSERT_THAT(of_load, SizeIs(1));
  EXPECT_EQ(of_load[0].verdict, CheckVerdict::kPass);
  EXPECT_THAT(of_load[0].point, HasSubstr("offline"));
  const auto of_none = check_targets(run, {target("max_rate_per_s", true, 1, false)});
  ASSERT_THAT(of_none, SizeIs(1));
  EXPECT_EQ(of_none[0].verdict, CheckVerdict::kUnclear);
  EXPECT_EQ(of_none[0].found, "no contender and point of the run match this target");
}

// Zero has no logarithm.
TEST(CheckTargets, TakeZeroAsTheNumberThatItIs) {
  RunData run = checked_run(5);
  for (auto& trial : run.trials) trial.outcome.kv_bytes = 0;
  EXPECT_EQ(verdict_of(run, target("kv_bytes", false, 100, false)), CheckVerdict::kPass);
  EXPECT_EQ(verdict_of(run, target("kv_bytes", true, 100, false)), CheckVerdict::kFail);
  EXPECT_EQ(verdict_of(run, target("kv_bytes", false, 1, true)), CheckVerdict::kUnclear);
  EXPECT_EQ(check_regressions(run, run, within(0.1, {"kv_bytes"})).at(1).found, "0 in both runs");
  run.trials[1].outcome.kv_bytes = 5;
  EXPECT_EQ(check_targets(run, {target("kv_bytes", false, 100, false)}).at(0).found, "7 of 8 values are 0");
  for (const double no_number : {std::nan(""), HUGE_VAL, -1.0}) {
    for (auto& trial : run.trials) trial.outcome.used = ResourceUse{no_number, 0, 0};
    const auto judged = check_targets(run, {target("cpu_s", false, 100, false)});
    EXPECT_EQ(judged.at(0).verdict, CheckVerdict::kUnclear) << no_number;
    EXPECT_EQ(judged.at(0).found, "some values are negative or not finite") << no_number;
    EXPECT_EQ(verdict_of(run, target("cpu_s", true, 100, false)), CheckVerdict::kUnclear) << no_number;
  }
}

// Quality has no interval for a given text, so the value alone decides.
TEST(CheckQuality, IsATargetLikeAnyOther) {
  RunData run = checked_run(5);
  run.quality = {quality_of("reference", 0, 30), quality_of("quant", 0.01, 30.3)};
  EXPECT_EQ(verdict_of(run, target("kl", false, 0.02, false)), CheckVerdict::kPass);
  EXPECT_EQ(verdict_of(run, target("kl", false, 0.005, false)), CheckVerdict::kFail);
  EXPECT_EQ(verdict_of(run, target("top1_agreement", true, 0.98, false)), CheckVerdict::kPass);
  EXPECT_EQ(verdict_of(run, target("perplexity", false, 1.02, true)), CheckVerdict::kPass);
  EXPECT_EQ(verdict_of(run, target("perplexity", false, 1.005, true)), CheckVerdict::kFail);
  const auto results = check_targets(run, {target("kl", false, 0.02, false)});
  EXPECT_EQ(results.at(0).point, "synthetic:gpt2: quality on wiki.txt");
  EXPECT_EQ(results.at(0).found, "0.01 nats/token");
  run.quality[1].agreement.reset();
  run.quality[1].status = TrialStatus::kCrashed;
  run.quality[1].error = "signal 11";
  EXPECT_EQ(verdict_of(run, target("kl", false, 0.02, false)), CheckVerdict::kFail);
  run.quality.pop_back();
  EXPECT_EQ(verdict_of(run, target("kl", false, 0.02, false)), CheckVerdict::kUnclear);
  run.quality[0].text.clear();
  Target of_reference = target("perplexity", false, 100, false);
  of_reference.contender = "reference";
  EXPECT_EQ(verdict_of(run, of_reference), CheckVerdict::kUnclear);  // the perplexity of random tokens
}

}  // namespace
}  // namespace inferbench
