// SPDX-License-Identifier: Apache-2.0
#include "report/check.hpp"

#include <fmt/format.h>
#include <gmock/gmock.h>

#include <cmath>
#include <set>
#include <sstream>
#include <string>
#include <vector>

#include "report/check_matrix.hpp"
#include "report/check_text.hpp"
#include "report/regression_rules.hpp"
#include "report/run_comparison.hpp"
#include "support/error.hpp"
#include "unit/results_fixture.hpp"

namespace inferbench {
namespace {

using test::failed_trial;
using test::sample_info;
using test::sample_trial;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using testing::SizeIs;

// One point. quant takes `quant_ms` per token, reference 10 ms, with noise of about +-1% that is not shared within
// pairs.
RunData checked_run(double quant_ms, std::int32_t blocks = 8) {
  RunData run{sample_info(), {}};
  run.info.points.resize(1);
  for (std::int32_t block = 0; block < blocks; ++block) {
    run.trials.push_back(sample_trial("reference", block, 10 * (1 + 0.01 * std::sin(block))));
    run.trials.push_back(sample_trial("quant", block, quant_ms * (1 + 0.01 * std::cos(3 * block))));
  }
  return run;
}

Target target(const std::string& metric, bool at_least, double value, bool times_baseline) {
  Target made;
  made.contender = "quant";
  made.metric = metric;
  made.at_least = at_least;
  made.value = value;
  made.times_baseline = times_baseline;
  return made;
}

CheckVerdict verdict_of(const RunData& run, const Target& wanted) {
  const auto results = check_targets(run, {wanted});
  EXPECT_THAT(results, SizeIs(1));
  return results.at(0).verdict;
}

RegressionOptions within(double threshold, const std::vector<std::string>& metrics) {
  return {{{"", "", {}, threshold}}, metrics};
}

RunData with_status(RunData run, const std::string& contender, TrialStatus status) {
  for (auto& trial : run.trials) {
    if (trial.contender == contender) trial = failed_trial(contender, trial.block, status, "as made");
  }
  return run;
}

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

// A batch and a scenario, whose trials have different metrics.
RunData mixed_run() {
  RunData run = checked_run(5);
  Point load = run.info.points[0];
  load.scenario = "offline";
  run.info.points.push_back(load);
  for (std::int32_t block = 0; block < 8; ++block) {
    TrialRecord trial = sample_trial("quant", block, 5);
    trial.point = load;
    trial.outcome.metrics.reset();
    trial.outcome.serving.emplace().metrics.output_tokens_per_s = 1000 + block;
    run.trials.push_back(trial);
  }
  return run;
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

QualityRecord quality_of(const std::string& contender, double kl, double perplexity) {
  QualityRecord record;
  record.contender = contender;
  record.model = "synthetic:gpt2";
  record.text = "/texts/wiki.txt";
  record.status = TrialStatus::kOk;
  Agreement& agreement = record.agreement.emplace();
  agreement.windows = 4;
  agreement.tokens = 1000;
  agreement.perplexity.value = perplexity;
  auto& reference = agreement.reference.emplace();
  reference.kl.value = kl;
  reference.top1.value = 1 - kl;
  return record;
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

TEST(CheckMatrix, HasARowForEachRequirementAndAColumnForEachContender) {
  const std::vector<CheckResult> results{{"ttft_ms at most 1 ms", "a", "p1", CheckVerdict::kPass, "1"},
                                         {"ttft_ms at most 1 ms", "a", "p2", CheckVerdict::kFail, "2"},
                                         {"ttft_ms at most 1 ms", "b", "p1", CheckVerdict::kPass, "1"},
                                         {"kl at most 1", "b", "m", CheckVerdict::kUnclear, "?"}};
  EXPECT_EQ(check_matrix(results, ConsoleStyle(false)),
            "                      a                 b\n"
            "ttft_ms at most 1 ms  fail 1 of 2       pass\n"
            "kl at most 1          -                 unclear\n\n");
  std::vector<CheckResult> many;
  for (int i = 0; i < 12; ++i) {
    many.push_back({std::string(80, 'r'), fmt::format("{}{}", std::string(40, 'c'), i), "p", CheckVerdict::kPass, ""});
  }
  std::istringstream lines(check_matrix(many, ConsoleStyle(false)));
  for (std::string line; std::getline(lines, line);) EXPECT_LE(line.size(), 100U) << line;
}

// The same crash at every point becomes one entry.
TEST(CheckText, SaysTheSameOnce) {
  CheckReport report{"x", "", {}};
  for (int i = 0; i < 3; ++i) {
    report.results.push_back({"r", "y", fmt::format("p{}", i), CheckVerdict::kFail, "signal 11"});
  }
  EXPECT_THAT(check_console(report, false, false),
              HasSubstr("fail    r\n        y\n        p0\n        and 2 more points\n        signal 11\nfail    0 "));
}

TEST(CheckText, HasEveryVerdict) {
  const CheckReport report{"a & b",
                           "",
                           {{"ttft_ms at most 1 ms", "<x>", "p", CheckVerdict::kFail, "2 ms"},
                            {"r", "y", "p", CheckVerdict::kUnclear, "?"},
                            {"r", "z", "p", CheckVerdict::kPass, "1"}}};
  EXPECT_EQ(check_junit(report),
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
            "<testsuites tests=\"3\" failures=\"1\" errors=\"0\" skipped=\"1\">\n"
            "  <testsuite name=\"a &amp; b\" tests=\"3\" failures=\"1\" errors=\"0\" skipped=\"1\">\n"
            "    <testcase classname=\"&lt;x&gt;\" name=\"ttft_ms at most 1 ms at p\">\n"
            "      <failure message=\"2 ms\"/>\n    </testcase>\n"
            "    <testcase classname=\"y\" name=\"r at p\">\n"
            "      <skipped message=\"unclear: ?\"/>\n    </testcase>\n"
            "    <testcase classname=\"z\" name=\"r at p\"/>\n"
            "  </testsuite>\n</testsuites>\n");
  EXPECT_THAT(check_console(report, false, false), HasSubstr("fail    1 passed, 1 failed, 1 unclear\n"));
  EXPECT_THAT(check_markdown(report), HasSubstr("| fail | ttft\\_ms at most 1 ms | &lt;x&gt; | p | 2 ms |"));
  EXPECT_THAT(check_json(report), HasSubstr("\"verdict\": \"fail\""));
}

TEST(CompareRuns, MatchesPointsAndJudgesThem) {
  const RunData a = checked_run(5);
  RunData b = checked_run(4);
  b.info.environment = R"({"cpu":{"model":"Y"},"time":"later"})";
  // Another machine keeps the model in another place under another name, but with the same weights.
  b.info.models[0].reference = b.info.points[0].model = "/elsewhere/gpt2";
  b.info.models[0].name = "gpt2";
  for (auto& trial : b.trials) trial.point.model = "/elsewhere/gpt2";
  const RunComparison comparison = compare_runs(a, b, "old", "new");
  ASSERT_THAT(comparison.points, SizeIs(1));
  const Change& decode = comparison.points[0].contenders[1].metrics.at("decode_tokens_per_s");
  EXPECT_NEAR(decode.speed->ratio, 1.25, 1e-4);
  EXPECT_EQ(judge(*decode.speed), Verdict::kFaster);
  const Change& reference = comparison.points[0].contenders[0].metrics.at("decode_tokens_per_s");
  EXPECT_EQ(judge(*reference.speed), Verdict::kSame);
  EXPECT_EQ(comparison.differences.back().what, "cpu/model");
  ASSERT_THAT(comparison.overall, SizeIs(6));
  EXPECT_NEAR(comparison.overall[5].speed.ratio, std::sqrt(1.25), 1e-4);
  EXPECT_THAT(run_comparison_console(comparison, false), HasSubstr("cpu/model"));
}

TEST(CompareRuns, ListsEveryChangeOfABackend) {
  const RunData a = checked_run(5);
  const auto differences = [&](const RunData& b) {
    std::vector<std::string> found;
    for (const Difference& difference : compare_runs(a, b, "old", "new").differences) found.push_back(difference.what);
    return found;
  };
  EXPECT_THAT(differences(a), IsEmpty());
  RunData rebuilt = a;
  rebuilt.info.plugins[1].sha256 = "other";
  EXPECT_THAT(differences(rebuilt), ElementsAre("backend of quant"));
  RunData tuned = a;
  tuned.info.contenders[1].options["isa"] = "generic";
  EXPECT_THAT(differences(tuned), ElementsAre("precision and options of quant"));
}

// Different weights under one name are not compared, and the error says why.
TEST(CompareRuns, NeverPairsOtherWeights) {
  const RunData a = checked_run(5);
  RunData b = checked_run(4);
  b.info.models[0].sha256 = std::string(64, 'd');
  try {
    compare_runs(a, b, "old", "new");
    FAIL() << "compared";
  } catch (const Error& error) {
    EXPECT_STREQ(error.what(),
                 "the runs have no point in common; model 'synthetic:gpt2': different weights (SHA-256 cc and "
                 "dddddddddddd)");
  }
  b = checked_run(4);
  b.info.models[0].shape->norm_epsilon = 1e-6;
  EXPECT_THROW(compare_runs(a, b, "old", "new"), Error);
  b.info.models[0].whole_config = false;  // written by an earlier version, which did not store the configuration
  EXPECT_NO_THROW(compare_runs(a, b, "old", "new"));
}

TEST(CompareRuns, RefusesWhereThereIsNothingToCompare) {
  const auto refusal = [](const RunData& a, const RunData& b) -> std::string {
    try {
      compare_runs(a, b, "old", "new");
    } catch (const Error& error) {
      return error.what();
    }
    return "compared";
  };
  const RunData good = checked_run(5);
  RunData failed = with_status(with_status(good, "quant", TrialStatus::kCrashed), "reference", TrialStatus::kOom);
  EXPECT_EQ(refusal(good, failed), "there is nothing to compare: run B has no successful trial");
  EXPECT_EQ(refusal(failed, good), "there is nothing to compare: run A has no successful trial");
  EXPECT_EQ(
      refusal(with_status(good, "quant", TrialStatus::kCrashed), with_status(good, "reference", TrialStatus::kOom)),
      "there is nothing to compare: no contender has successful trials at the same point of both runs");
}

TEST(CompareRuns, SayWhatOnlyOneRunHas) {
  const RunData a = checked_run(5);
  RunData b = checked_run(5, 4);
  b.info.contenders.push_back({"third", "cpu_quant", "int4", {}});
  const std::string text = run_comparison_console(compare_runs(a, b, "old", "new"), false);
  EXPECT_THAT(text, HasSubstr("contenders only in B: third\n"));
  EXPECT_THAT(text, HasSubstr("too few blocks"));
}

TEST(CompareRuns, KeepsToAHundredColumns) {
  RunData a = checked_run(5);
  a.info.contenders[1].name = std::string(200, 'n');
  for (auto& trial : a.trials) {
    if (trial.contender == "quant") trial.contender = a.info.contenders[1].name;
  }
  RunData b = a;
  b.info.environment = "{\"x\":\"" + std::string(300, 'y') + "\"}";
  std::istringstream lines(run_comparison_console(compare_runs(a, b, std::string(300, 'f'), "b"), false));
  for (std::string line; std::getline(lines, line);) EXPECT_LE(line.size(), 100U) << line;
}

}  // namespace
}  // namespace inferbench
