// SPDX-License-Identifier: Apache-2.0
#include "report/report.hpp"

#include <gmock/gmock.h>

#include <algorithm>
#include <cstdlib>
#include <nlohmann/json.hpp>
#include <sstream>
#include <string>

#include "report/comparison.hpp"
#include "report/console_style.hpp"
#include "report/console_table.hpp"
#include "report/csv.hpp"
#include "report/headline_text.hpp"
#include "report/markdown.hpp"
#include "report/markdown_text.hpp"
#include "report/number_text.hpp"
#include "unit/results_fixture.hpp"

namespace inferbench {
namespace {

using test::failed_trial;
using test::sample_info;
using test::sample_trial;
using testing::ContainsRegex;
using testing::HasSubstr;
using testing::Not;

// quant is twice as fast in every block, however slow the block was.
RunData sample_run() {
  RunData run{sample_info(), {}};
  TrialRecord warm_up = sample_trial("quant", -1, 1000);
  run.trials.push_back(warm_up);
  for (std::int32_t block = 0; block < 5; ++block) {
    const double drift = 1 + block;
    run.trials.push_back(sample_trial("reference", block, 10 * drift));
    run.trials.push_back(sample_trial("quant", block, 5 * drift * (1 + 0.001 * block)));
  }
  return run;
}

TEST(Comparison, PairsTheBlocks) {
  const Comparison comparison = compare_contenders(sample_run());
  ASSERT_EQ(comparison.points.size(), 2U);
  const ContenderResult& reference = comparison.points[0].contenders[0];
  const ContenderResult& quant = comparison.points[0].contenders[1];
  EXPECT_EQ(quant.ok, 5U);
  EXPECT_NEAR(reference.metrics.at("decode_ms_per_token").median, 30, 1e-6);
  EXPECT_EQ(quant.metrics.at("inter_token_ms").n, 35U);  // 7 gaps, 5 blocks; the warm-up is left out
  EXPECT_NEAR(quant.metrics.at("decode_ms_per_token").max, 25.1, 1e-4);
  for (const char* metric : {"decode_ms_per_token", "decode_tokens_per_s", "ttft_ms", "prefill_tokens_per_s"}) {
    EXPECT_NEAR(quant.ratios.at(metric).ratio, 2, 0.01) << metric;
    EXPECT_EQ(judge(quant.ratios.at(metric)), Verdict::kFaster) << metric;
  }
  EXPECT_TRUE(reference.ratios.empty());
  EXPECT_EQ(comparison.points[1].contenders[1].ok, 0U);
}

TEST(Comparison, LeavesOutBlocksWhereOneFailed) {
  RunData run = sample_run();
  run.trials[3] = failed_trial("reference", 1, TrialStatus::kTimeout, "300 s");
  const Comparison comparison = compare_contenders(run);
  EXPECT_EQ(comparison.failed, 1U);
  EXPECT_EQ(comparison.points[0].contenders[0].failed, 1U);
  const SpeedRatio& ratio = comparison.points[0].contenders[1].ratios.at("e2e_ms");
  EXPECT_EQ(ratio.n, 4U);
  EXPECT_EQ(judge(ratio), Verdict::kTooFewBlocks);
}

TEST(Comparison, AsJsonHasEveryNumber) {
  const auto json = nlohmann::json::parse(report_json(make_report(sample_run(), "")));
  const auto& quant = json.at("points").at(0).at("contenders").at(1);
  EXPECT_EQ(quant.at("contender"), "quant");
  EXPECT_EQ(quant.at("vs_baseline").at("decode_tokens_per_s").at("verdict"), "faster");
  EXPECT_EQ(quant.at("vs_baseline").at("decode_tokens_per_s").at("level"), 0.99);
  EXPECT_TRUE(quant.at("metrics").at("decode_tokens_per_s").at("p90").is_null());
  EXPECT_FALSE(quant.at("metrics").at("inter_token_ms").at("p90").is_null());
  EXPECT_EQ(quant.at("load").at("kernels"), "avx2");
}

TEST(ConsoleTable, PutsContendersSideBySide) {
  const std::string table = console_table(compare_contenders(sample_run()), false);
  EXPECT_THAT(table, HasSubstr("synthetic:gpt2: prompt 32, generate 8, batch 1, threads 2"));
  EXPECT_THAT(table, ContainsRegex("reference +120.0 +266.7 +baseline +33.33 +baseline"));
  EXPECT_THAT(table, ContainsRegex("quant +60.12 +532.3 +2.00x +1.99-2.00 faster +66.53 +2.00x +1.99-2.00 faster"));
  EXPECT_THAT(table, ContainsRegex("quant +100.0 +1.000 +0.500 +3.000 +cpu, avx2"));
  EXPECT_THAT(table, HasSubstr("11 of 16 planned trials were run"));
  EXPECT_THAT(table, Not(HasSubstr("\x1b")));
}

TEST(ConsoleTable, FitsAHundredColumns) {
  RunData run = sample_run();
  const std::string long_name(60, 'n');
  run.info.contenders[1].name = long_name;
  for (auto& trial : run.trials) {
    if (trial.contender == "quant") trial.contender = long_name;
  }
  run.trials.push_back(failed_trial(long_name, -1, TrialStatus::kCrashed, std::string(500, 'x')));
  std::istringstream lines(console_table(compare_contenders(run), false));
  std::size_t longest = 0;
  for (std::string line; std::getline(lines, line);) {
    longest = std::max(longest, line.size());
    EXPECT_LE(line.size(), 100U) << line;
  }
  EXPECT_GT(longest, 80U);
}

TEST(ConsoleTable, ListsFailuresWithTheirReasons) {
  RunData run{sample_info(), {}};
  for (std::int32_t block = 0; block < 3; ++block) {
    run.trials.push_back(sample_trial("reference", block, 10));
    run.trials.push_back(failed_trial("quant", block, TrialStatus::kOom, "2 GiB wanted"));
  }
  const std::string table = console_table(compare_contenders(run), false);
  EXPECT_THAT(table, ContainsRegex("quant +oom"));
  EXPECT_THAT(table, HasSubstr("3 of 6 trials failed"));
  EXPECT_THAT(table, HasSubstr("oom x3  quant\n"));
  EXPECT_THAT(table, HasSubstr("      2 GiB wanted\n"));
}

TEST(ConsoleTable, PaintsOnlyWhenAsked) {
  const Comparison comparison = compare_contenders(sample_run());
  const std::string painted = console_table(comparison, true);
  EXPECT_THAT(painted, HasSubstr("\x1b[32mfaster"));
  setenv("NO_COLOR", "1", 1);
  EXPECT_FALSE(wants_colour(1));
  unsetenv("NO_COLOR");
}

TEST(Report, SaysWhoIsFastestAndBySameOutputWhetherItAgrees) {
  RunData run = sample_run();
  run.trials[3].outcome.digest = "another";
  const Report report = make_report(run, "");
  ASSERT_EQ(report.headlines.size(), 2U);
  const Headline& decode = report.headlines[0];
  EXPECT_EQ(decode.metric, "decode_tokens_per_s");
  EXPECT_EQ(decode.fastest, "quant");
  EXPECT_EQ(decode.second, "reference");
  EXPECT_NEAR(decode.ahead->ratio, 2, 0.01);
  EXPECT_THAT(
      headline_text(decode, "reference"),
      testing::MatchesRegex("quant is fastest in decode: 2.00x \\(1.99-2.00\\) the speed of reference at one point. "
                            "Its tokens were those of reference in 4 of 5 trials."));
  ASSERT_EQ(report.agreements.size(), 1U);
  EXPECT_EQ(agreement_text(report.agreements[0], "reference"),
            "quant emitted the same tokens as reference in 4 of 5 trials.");
}

// Two blocks that agree by luck would make an interval of no width: no verdict in any form, and no interval.
TEST(Report, OfTooFewBlocksJudgesNothing) {
  RunData run = sample_run();
  run.trials.resize(1 + 2 * 4);
  const Comparison comparison = compare_contenders(run);
  EXPECT_THAT(console_table(comparison, false),
              ContainsRegex("quant +[0-9.]+ +[0-9.]+ +2.00x too few blocks +[0-9.]+ +2.00x too few blocks\n"));
  const Report report = make_report(run, "");
  EXPECT_THAT(headline_text(report.headlines[0], "reference"),
              testing::StartsWith("quant has the highest decode speed, from too few blocks for a verdict: 2.00x the"));
  EXPECT_THAT(report_markdown(report), HasSubstr("| 2.00x too few blocks |"));
  EXPECT_THAT(summary_csv(run.info, comparison), ContainsRegex(",,too few blocks,4,0\r"));
  const auto json = nlohmann::json::parse(report_json(report));
  const auto& speed = json.at("points").at(0).at("contenders").at(1).at("vs_baseline").at("decode_tokens_per_s");
  EXPECT_EQ(speed.at("verdict"), "too few blocks");
  EXPECT_TRUE(speed.at("low").is_null());
}

// Digits that say why a verdict near 1 is what it is.
TEST(IntervalText, ShowsThatABoundIsNotOne) {
  EXPECT_EQ(interval_text({2.281, 2.604}), "2.28-2.60");
  EXPECT_EQ(interval_text({1.0012, 1.0123}), "1.001-1.012");
  EXPECT_EQ(interval_text({0.9881, 0.9958}), "0.988-0.996");
  EXPECT_EQ(interval_text({0.98, 1.0}), "0.98-1.00");
}

TEST(Report, NamesTheBaselineWhereItIsFastest) {
  RunData run = sample_run();
  run.info.baseline = "quant";
  const Report report = make_report(run, "");
  EXPECT_EQ(report.headlines[0].fastest, "quant");
  EXPECT_THAT(headline_text(report.headlines[0], "quant"), HasSubstr("the speed of reference"));
}

TEST(Report, OfARunWithoutTrialsIsEmptyButWhole) {
  const RunData run{sample_info(), {}};
  const Report report = make_report(run, "");
  EXPECT_TRUE(report.headlines.empty());
  EXPECT_EQ(nlohmann::json::parse(report_json(report)).at("recorded"), 0);
  EXPECT_THAT(report_markdown(report), HasSubstr("0 of 16 planned trials were run"));
}

TEST(MarkdownText, IsNeverMarkup) {
  EXPECT_EQ(markdown_text("<b>|a`\nb @x"), "&lt;b&gt;\\|a\\` b \\@x");
  EXPECT_EQ(markdown_code("a ```` b", "yaml"), "`````yaml\na ```` b\n`````\n");
}

TEST(NumberText, KeepsFourDigits) {
  EXPECT_EQ(number_text(0.12345), "0.123");
  EXPECT_EQ(number_text(12.345), "12.35");
  EXPECT_EQ(number_text(123.45), "123.5");
  EXPECT_EQ(number_text(999.96), "1000");
  EXPECT_EQ(number_text(123456), "123456");
  EXPECT_EQ(number_text(1e9), "1.00e+09");
  EXPECT_EQ(ratio_text(0.987), "0.99");
  EXPECT_EQ(ratio_text(12.34), "12.3");
  EXPECT_EQ(ratio_text(123.4), "123");
  EXPECT_EQ(duration_text(59.6), "1 min 0 s");
  EXPECT_EQ(duration_text(12.2), "12 s");
  EXPECT_EQ(duration_text(7500), "2 h 5 min");
}

TEST(Csv, ACellIsNeverAFormula) {
  RunData run{sample_info(), {sample_trial("quant", 0, 10)}};
  run.trials[0].contender = "=HYPERLINK(\"http://x\")";
  run.trials[0].backend = "@SUM(A1)";
  run.trials[0].outcome.error = "-1 is no id";
  const std::string csv = trials_csv(run, false);
  EXPECT_THAT(csv, HasSubstr("\r\n'@SUM(A1),"));
  EXPECT_THAT(csv, HasSubstr(",\"'=HYPERLINK(\"\"http://x\"\")\","));
  EXPECT_THAT(csv, HasSubstr(",'-1 is no id,"));
}

}  // namespace
}  // namespace inferbench
