// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>

#include <set>
#include <string>

#include "report/check.hpp"
#include "report/regression_rules.hpp"
#include "support/error.hpp"
#include "unit/check_fixture.hpp"
#include "unit/results_fixture.hpp"

namespace inferbench {
namespace {

using test::checked_run;
using test::failed_trial;
using test::mixed_run;
using test::quality_of;
using test::sample_info;
using test::target;
using test::with_status;
using test::within;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::SizeIs;

TEST(CheckRegressions, JudgesByTheThreshold) {
  const RunData before = checked_run(5);
  const auto verdict = [&](const RunData& now, double threshold) {
    return overall_verdict(check_regressions(now, before, within(threshold, {"decode_tokens_per_s", "ttft_ms"})));
  };
  EXPECT_EQ(verdict(checked_run(5), 0.05), CheckVerdict::kPass);
  EXPECT_EQ(verdict(checked_run(4), 0.05), CheckVerdict::kPass);  // faster is no regression
  EXPECT_EQ(verdict(checked_run(6), 0.05), CheckVerdict::kFail);
  EXPECT_EQ(verdict(checked_run(5), 0.002), CheckVerdict::kUnclear);
}

TEST(CheckRegressions, SeesWhatIsGone) {
  const RunData before = checked_run(5);
  RunData now = checked_run(5);
  now.info.contenders.pop_back();
  const auto gone = check_regressions(now, before, within(0.5, {"ttft_ms"}));
  ASSERT_THAT(gone, SizeIs(2));
  EXPECT_EQ(gone[0].verdict, CheckVerdict::kPass);
  EXPECT_EQ(gone[1].verdict, CheckVerdict::kUnclear);
  EXPECT_EQ(gone[1].contender, "quant");
  EXPECT_EQ(gone[1].found, "the contender is missing; the earlier run has it");
  now = with_status(checked_run(5), "quant", TrialStatus::kCrashed);
  EXPECT_EQ(overall_verdict(check_regressions(now, before, within(0.5, {"ttft_ms"}))), CheckVerdict::kFail);
  now.info.points[0].prompt_tokens = 33;
  EXPECT_THROW(check_regressions(now, before, {}), Error);
}

// Without earlier data, nothing may pass, and each contender and metric says why.
TEST(CheckRegressions, IsUnclearWithoutEarlierData) {
  const auto only = [](const RunData& now, const RunData& before) {
    const auto results = check_regressions(now, before, within(0.5, {"ttft_ms"}));
    EXPECT_THAT(results, SizeIs(2));
    EXPECT_EQ(overall_verdict(results), CheckVerdict::kUnclear);
    return results.at(1).contender + ": " + results.at(1).found;
  };
  const RunData good = checked_run(5);
  EXPECT_EQ(only(good, with_status(good, "quant", TrialStatus::kCrashed)),
            "quant: no earlier data: 8 of 8 trials failed, the first crashed: as made");
  RunData before = good;
  before.trials.clear();
  EXPECT_EQ(only(good, before), "quant: no earlier data: not run");
  before = good;
  before.info.contenders.pop_back();
  EXPECT_EQ(only(good, before), "quant: no earlier data: the earlier run does not have the contender");
  before = good;
  before.info.points.push_back(good.info.points[0]);
  before.info.points[1].batch = 9;
  RunData now = before;
  before.info.points.pop_back();
  const auto results = check_regressions(now, before, within(0.5, {"ttft_ms"}));
  ASSERT_THAT(results, SizeIs(3));
  EXPECT_EQ(results[2].found, "no earlier data: the earlier run does not have the point");
  // A metric that no trial has: a single token has no decode.
  before = good;
  for (auto& trial : before.trials) trial.outcome.metrics->decode_tokens_per_s.reset();
  EXPECT_EQ(check_regressions(good, before, within(0.5, {"decode_tokens_per_s"})).at(1).found,
            "no earlier data: no trial has a value");
}

TEST(CheckRegressions, OfTooFewBlocksIsUnclear) {
  const auto results = check_regressions(checked_run(5, 4), checked_run(5), within(0.5, {"ttft_ms"}));
  EXPECT_EQ(overall_verdict(results), CheckVerdict::kUnclear);
  EXPECT_THAT(results.at(1).found, HasSubstr("x the earlier run, 4 blocks: too few for a verdict, which needs 5"));
}

// A failed trial could have been the slowest.
TEST(Check, NeverPassesAContenderThatFailedInSomeTrials) {
  RunData run = checked_run(5);
  run.trials[1] = failed_trial("quant", 0, TrialStatus::kTimeout, "300 s");
  const auto results = check_targets(run, {target("ttft_ms", false, 100, false)});
  EXPECT_EQ(results.at(0).verdict, CheckVerdict::kUnclear);
  EXPECT_THAT(results.at(0).found, HasSubstr("; 1 of 8 trials failed, the first timeout: 300 s"));
  EXPECT_EQ(check_regressions(run, checked_run(5), within(0.5, {"ttft_ms"})).at(1).verdict, CheckVerdict::kUnclear);
  EXPECT_EQ(check_targets(run, {target("ttft_ms", false, 1, false)}).at(0).verdict, CheckVerdict::kFail);
}

TEST(CheckRegressions, JudgeOnlyPointsThatHaveTheMetric) {
  const RunData run = mixed_run();
  std::set<std::string> of_batch;
  std::set<std::string> of_load;
  for (const auto& result : check_regressions(run, run, within(0.5, default_regression_metrics()))) {
    const bool load = result.point.find("offline") != std::string::npos;
    (load ? of_load : of_batch).insert(result.requirement.substr(0, result.requirement.find(' ')));
  }
  EXPECT_THAT(of_batch, ElementsAre("decode_tokens_per_s", "peak_rss_bytes", "ttft_ms"));
  EXPECT_THAT(of_load, ElementsAre("output_tokens_per_s", "peak_rss_bytes", "ttft_ms"));
}

TEST(Thresholds, AreReadFromTheCommandLine) {
  const RunInfo info = sample_info();
  EXPECT_EQ(parse_threshold("7", info), (RegressionRule{"", "", {}, 0.07}));
  EXPECT_EQ(parse_threshold("decode_tokens_per_s=3%", info), (RegressionRule{"", "decode_tokens_per_s", {}, 0.03}));
  EXPECT_EQ(parse_threshold("ttft_ms@prompt=32,batch=4=10", info),
            (RegressionRule{"", "ttft_ms", {"", {{"batch", 4}, {"prompt_tokens", 32}}}, 0.1}));
  EXPECT_EQ(parse_threshold("@contender=quant,model=synthetic:gpt2=1%", info),
            (RegressionRule{"quant", "", {"synthetic:gpt2", {}}, 0.01}));
  const auto refusal = [&](const std::string& text) -> std::string {
    try {
      parse_threshold(text, info);
    } catch (const Error& error) {
      return error.what();
    }
    return "accepted";
  };
  EXPECT_EQ(refusal("x"), "--threshold x: 'x' is not a percentage from 0 to 1000");
  EXPECT_EQ(refusal("-1"), "--threshold -1: '-1' is not a percentage from 0 to 1000");
  EXPECT_EQ(refusal("decode_tokens=3"), "--threshold decode_tokens=3: unknown metric 'decode_tokens'");
  EXPECT_EQ(refusal("ttft_ms@prompt=33=3"), "--threshold ttft_ms@prompt=33=3: no point has prompt_tokens 33");
  EXPECT_EQ(refusal("ttft_ms@size=33=3"), "--threshold ttft_ms@size=33=3: unknown key 'size'");
  EXPECT_EQ(refusal("@contender=q=3"), "--threshold @contender=q=3: the run has no contender 'q'");
  EXPECT_EQ(refusal("decode_tokens_per_s=100"),
            "--threshold decode_tokens_per_s=100: a rate cannot be lower by 100% or more");
  EXPECT_EQ(refusal("=3"), "--threshold =3: the metric before '=' is missing");
}

TEST(Thresholds, OfTheRuleWithMostConditionsCount) {
  const RunInfo info = sample_info();
  std::vector<RegressionRule> rules;
  for (const char* text : {"ttft_ms@batch=4=10", "2", "ttft_ms=3", "ttft_ms=4"}) {
    rules.push_back(parse_threshold(text, info));
  }
  EXPECT_EQ(threshold_of(rules, "ttft_ms", "quant", info.points[1]), 0.1);
  EXPECT_EQ(threshold_of(rules, "ttft_ms", "quant", info.points[0]), 0.04);
  EXPECT_EQ(threshold_of(rules, "cpu_s", "quant", info.points[0]), 0.02);
  EXPECT_EQ(threshold_of({}, "cpu_s", "quant", info.points[0]), kDefaultThreshold);
  EXPECT_THAT(judged_metrics({parse_threshold("cpu_s=3", info)}, {}),
              ElementsAre("ttft_ms", "decode_tokens_per_s", "output_tokens_per_s", "max_rate_per_s", "peak_rss_bytes",
                          "cpu_s"));
}

TEST(CheckQuality, MayNotGetWorse) {
  RunData before = checked_run(5);
  before.quality = {quality_of("reference", 0, 30), quality_of("quant", 0.01, 30.3)};
  RunData now = before;
  const auto quant = [&](const std::string& metric, double threshold) {
    return check_regressions(now, before, within(threshold, {metric})).at(1);
  };
  EXPECT_EQ(quant("kl", 0).verdict, CheckVerdict::kPass);
  now.quality[1] = quality_of("quant", 0.012, 31);
  EXPECT_EQ(quant("kl", 0.1).verdict, CheckVerdict::kFail);
  EXPECT_EQ(quant("kl", 0.3).verdict, CheckVerdict::kPass);
  EXPECT_EQ(quant("perplexity", 0.01).found, "31.00, before 30.30");
  EXPECT_EQ(quant("top1_agreement", 0.01).verdict, CheckVerdict::kPass);
  now.quality[1].agreement->tokens = 900;
  EXPECT_EQ(quant("kl", 0.3).verdict, CheckVerdict::kUnclear);
  before.quality.pop_back();
  EXPECT_THAT(quant("kl", 0.3).found, HasSubstr("no earlier data"));
}

}  // namespace
}  // namespace inferbench
