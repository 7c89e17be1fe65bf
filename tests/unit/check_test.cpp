// SPDX-License-Identifier: Apache-2.0
#include "report/check.hpp"

#include <gmock/gmock.h>

#include <cmath>
#include <string>
#include <vector>

#include "report/check_text.hpp"
#include "report/run_comparison.hpp"
#include "support/error.hpp"
#include "unit/results_fixture.hpp"

namespace inferbench {
namespace {

using test::failed_trial;
using test::sample_info;
using test::sample_trial;
using testing::HasSubstr;
using testing::SizeIs;

// One point. quant takes `quant_ms` a token, reference 10 ms; noise of about +-1% that pairs do not share.
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
  EXPECT_EQ(verdict_of(run, target("peak_rss_bytes", false, 1.0, true)), CheckVerdict::kPass);  // equal, and surely so
}

TEST(CheckTargets, JudgesAgainstNumbers) {
  const RunData run = checked_run(5);
  EXPECT_EQ(verdict_of(run, target("ttft_ms", false, 21, false)), CheckVerdict::kPass);
  EXPECT_EQ(verdict_of(run, target("ttft_ms", false, 20, false)), CheckVerdict::kUnclear);
  EXPECT_EQ(verdict_of(run, target("ttft_ms", false, 19, false)), CheckVerdict::kFail);
  EXPECT_EQ(verdict_of(checked_run(5, 1), target("ttft_ms", false, 100, false)), CheckVerdict::kUnclear);
}

// With 40 values and none beyond, p90 is sure (0.9^40 = 1.5%), p95 is not (0.95^40 = 13%).
TEST(CheckTargets, JudgesPercentilesByCounting) {
  Target wanted = target("ttft_ms", false, 21, false);
  wanted.percentile = 90;
  EXPECT_EQ(verdict_of(checked_run(5, 40), wanted), CheckVerdict::kPass);
  wanted.percentile = 95;
  const auto results = check_targets(checked_run(5, 40), {wanted});
  EXPECT_EQ(results.at(0).verdict, CheckVerdict::kUnclear);
  EXPECT_THAT(results.at(0).found, HasSubstr("0 of 40 values above; a pass needs 72 values"));
  wanted.value = 20;  // about half of them are above
  EXPECT_EQ(verdict_of(checked_run(5, 40), wanted), CheckVerdict::kFail);
}

// Gaps: 7 a trial. Two slow trials of eight make a quarter of all gaps slow, which many more gaps would not make surer.
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
  RunData run = checked_run(5, 2);
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
    return overall_verdict(check_regressions(now, before, {threshold, {"decode_tokens_per_s", "ttft_ms"}}));
  };
  EXPECT_EQ(verdict(checked_run(5), 0.05), CheckVerdict::kPass);
  EXPECT_EQ(verdict(checked_run(4), 0.05), CheckVerdict::kPass);  // better is no regression
  EXPECT_EQ(verdict(checked_run(6), 0.05), CheckVerdict::kFail);
  EXPECT_EQ(verdict(checked_run(5), 0.002), CheckVerdict::kUnclear);
}

TEST(CheckRegressions, SeesWhatIsGone) {
  const RunData before = checked_run(5, 3);
  RunData now = checked_run(5, 3);
  now.info.contenders.pop_back();
  const auto gone = check_regressions(now, before, {0.5, {"ttft_ms"}});
  ASSERT_THAT(gone, SizeIs(2));
  EXPECT_EQ(gone[0].verdict, CheckVerdict::kUnclear);
  EXPECT_EQ(gone[0].contender, "quant");
  now = checked_run(5, 3);
  for (auto& trial : now.trials) {
    if (trial.contender == "quant") trial = failed_trial("quant", trial.block, TrialStatus::kCrashed, "signal 11");
  }
  EXPECT_EQ(overall_verdict(check_regressions(now, before, {0.5, {"ttft_ms"}})), CheckVerdict::kFail);
  now.info.points[0].prompt_tokens = 33;
  EXPECT_THROW(check_regressions(now, before, {}), Error);
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
  // Another machine keeps the model elsewhere.
  b.info.models[0].reference = b.info.points[0].model = "/elsewhere/gpt2";
  for (auto& trial : b.trials) trial.point.model = "/elsewhere/gpt2";
  const RunComparison comparison = compare_runs(a, b, "old", "new");
  ASSERT_THAT(comparison.points, SizeIs(1));
  const Change& decode = comparison.points[0].contenders[1].metrics.at("decode_tokens_per_s");
  EXPECT_NEAR(decode.speed->ratio, 1.25, 1e-4);
  EXPECT_EQ(judge(*decode.speed), Verdict::kFaster);
  const Change& reference = comparison.points[0].contenders[0].metrics.at("decode_tokens_per_s");
  EXPECT_EQ(judge(*reference.speed), Verdict::kSame);
  ASSERT_THAT(comparison.differences, SizeIs(1));
  EXPECT_EQ(comparison.differences[0].what, "cpu/model");
  ASSERT_THAT(comparison.overall, SizeIs(6));
  EXPECT_NEAR(comparison.overall[5].speed.ratio, std::sqrt(1.25), 1e-4);
  EXPECT_THAT(run_comparison_console(comparison, false), HasSubstr("cpu/model"));
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
