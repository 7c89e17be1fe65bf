// SPDX-License-Identifier: Apache-2.0
#include "report/report.hpp"

#include <gmock/gmock.h>

#include <algorithm>
#include <cstdlib>
#include <nlohmann/json.hpp>
#include <regex>
#include <set>
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
#include "report/quality_table.hpp"
#include "results/skip_error.hpp"
#include "support/files.hpp"
#include "support/test_paths.hpp"
#include "unit/results_fixture.hpp"

namespace inferbench {
namespace {

using test::failed_trial;
using test::sample_info;
using test::sample_trial;
using testing::ContainsRegex;
using testing::HasSubstr;
using testing::Not;

// quant is twice as fast in every block, no matter how slow the block was.
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

std::string table_of(const RunData& run, bool colour = false) {
  return console_table(compare_contenders(run), headlines_of(run.info, TrialIndex(run)), colour);
}

// Three prompts and two batches. quant gives wrong output at the largest prompt; broken crashes everywhere.
RunData run_of_six_points() {
  RunData run{sample_info(), {}};
  run.info.contenders.push_back({"broken", "broken", "fp32", {}});
  run.info.points.clear();
  for (const std::int32_t prompt : {32, 64, 128}) {
    for (const std::int32_t batch : {1, 4}) run.info.points.push_back({"synthetic:gpt2", prompt, 8, batch, 2});
  }
  const auto put = [&](TrialRecord trial, const Point& point) {
    trial.point = point;
    run.trials.push_back(std::move(trial));
  };
  for (const Point& point : run.info.points) {
    for (std::int32_t block = 0; block < 6; ++block) {
      put(sample_trial("reference", block, 10 + 0.01 * block), point);
      if (point.prompt_tokens == 128) {
        const std::string error = "quality: KL 0.0" + std::to_string(block) + " is above the bound of 0.02";
        put(failed_trial("quant", block, TrialStatus::kWrongOutput, error), point);
      } else {
        put(sample_trial("quant", block, 5 + 0.02 * block), point);
      }
      const std::string crash = "the worker was killed by signal 11";
      put(block < 2 ? failed_trial("broken", block, TrialStatus::kCrashed, crash)
                    : failed_trial("broken", block, TrialStatus::kSkipped, skip_error(2, crash)),
          point);
    }
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
  EXPECT_EQ(quant.metrics.at("inter_token_ms").n, 35U);  // 7 gaps times 5 blocks; the warm-up is excluded
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
  const std::string table = table_of(sample_run());
  EXPECT_THAT(table, HasSubstr("synthetic:gpt2: prompt 32, generate 8, batch 1, threads 2"));
  EXPECT_THAT(table, ContainsRegex("reference +120.0 +266.7 +baseline +33.33 +baseline"));
  EXPECT_THAT(table, ContainsRegex("quant +60.12 +532.3 +2.00x +1.99-2.00 faster +66.53 +2.00x +1.99-2.00 faster"));
  EXPECT_THAT(table, ContainsRegex("quant +100.0 +1.000 +0.500 +3.000 +cpu, avx2"));
  EXPECT_THAT(table, HasSubstr("11 of 16 planned trials were run"));
  EXPECT_THAT(table, Not(HasSubstr("\x1b")));
}

// A device runs at the point with the most threads, and stands there beside the baseline.
TEST(ConsoleTable, ShowsADeviceOnceWhereThreadsVary) {
  RunData run{sample_info(), {}};
  run.info.contenders[1].device = "cuda:0";
  run.info.points.assign(3, run.info.points[0]);
  const auto put = [&run](const std::string& contender, std::int32_t block, double ms, std::int32_t threads) {
    run.trials.push_back(sample_trial(contender, block, ms));
    run.trials.back().point.threads = threads;
  };
  for (std::int32_t i = 0; i < 3; ++i) run.info.points[static_cast<std::size_t>(i)].threads = 4 >> i;
  for (std::int32_t block = 0; block < 5; ++block) {
    put("quant", block, 5, 4);
    put("reference", block, 10 + 0.01 * block, 4);
    put("reference", block, 15, 2);
    put("reference", block, 20, 1);
  }
  const Comparison comparison = compare_contenders(run);
  EXPECT_TRUE(comparison.points[0].contenders[1].planned);
  EXPECT_FALSE(comparison.points[1].contenders[1].planned);
  EXPECT_NEAR(comparison.points[0].contenders[1].ratios.at("decode_tokens_per_s").ratio, 2, 0.01);
  const std::string table = table_of(run);
  EXPECT_THAT(table, Not(HasSubstr("not run")));
  const std::string one_thread =
      table.substr(table.find("threads 1"), table.find("load and memory") - table.find("threads 1"));
  EXPECT_THAT(one_thread, HasSubstr("reference"));
  EXPECT_THAT(one_thread, Not(HasSubstr("quant")));
  const Report report = make_report(run, "");
  EXPECT_THAT(report_markdown(report), HasSubstr("| 4 | quant |"));
  EXPECT_THAT(report_markdown(report), Not(HasSubstr("| 1 | quant |")));
  // It did not fail at the other points, so it may be the fastest.
  EXPECT_EQ(report.headlines.front().fastest, "quant");
  const auto json = nlohmann::json::parse(report_json(report));
  EXPECT_EQ(json.at("points")[1].at("contenders")[1].at("planned"), false);
  EXPECT_FALSE(json.at("points")[0].at("contenders")[1].contains("planned"));
  const Target target{"", "decode_tokens_per_s", std::nullopt, true, 1, false};
  EXPECT_EQ(check_targets(run, {target}).size(), 4U);
}

TEST(ConsoleTable, FitsAHundredColumns) {
  RunData run = sample_run();
  const std::string long_name(60, 'n');
  run.info.contenders[1].name = long_name;
  for (auto& trial : run.trials) {
    if (trial.contender == "quant") trial.contender = long_name;
  }
  run.trials.push_back(failed_trial(long_name, -1, TrialStatus::kCrashed, std::string(500, 'x')));
  std::istringstream lines(table_of(run));
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
  const std::string table = table_of(run);
  EXPECT_THAT(table, ContainsRegex("quant +oom"));
  EXPECT_THAT(table, HasSubstr("3 of 6 trials failed"));
  EXPECT_THAT(table, HasSubstr("  oom: quant, 3 trials at 1 of 2 points\n"));
  EXPECT_THAT(table,
              HasSubstr("      synthetic:gpt2: prompt 32, generate 8, batch 1, threads 2\n      2 GiB wanted\n"));
}

TEST(ConsoleTable, ListsAFailureOnceForAllItsPoints) {
  const std::string table = table_of(run_of_six_points());
  EXPECT_THAT(table, HasSubstr("48 of 108 trials failed\n"
                               "  wrong_output: quant, 12 trials at 2 of 6 points\n"
                               "      first at synthetic:gpt2: prompt 128, generate 8, batch 1, threads 2\n"
                               "      such as: quality: KL 0.00 is above the bound of 0.02\n"
                               "  crashed: broken, 12 trials at all 6 points, then 24 skipped\n"
                               "      the worker was killed by signal 11\n"));
  EXPECT_THAT(table, Not(HasSubstr("in a row failed")));
}

TEST(ConsoleTable, NeverCutsAReason) {
  RunData run = sample_run();
  std::string reason;
  for (int i = 0; i < 60; ++i) reason += "word" + std::to_string(i) + " ";
  run.trials.push_back(failed_trial("quant", -1, TrialStatus::kWrongOutput, reason + "end"));
  const std::string table = table_of(run);
  for (int i = 0; i < 60; ++i) EXPECT_THAT(table, HasSubstr("word" + std::to_string(i)));
  EXPECT_THAT(table, Not(HasSubstr("...")));
}

TEST(ConsoleTable, BeginsWithAnOverviewOfManyPoints) {
  const std::string table = table_of(run_of_six_points());
  const std::string overview = table.substr(0, table.find("synthetic:gpt2: prompt 32"));
  EXPECT_THAT(overview, HasSubstr("decode speed at every point, relative to reference"));
  EXPECT_THAT(overview, HasSubstr("prefill speed at every point, relative to reference"));
  EXPECT_THAT(overview, ContainsRegex("\n  prompt +overall +32 +32 +64 +64 +128 +128\n  batch +1 +4 +1 +4 +1 +4\n"));
  EXPECT_THAT(overview, Not(HasSubstr("threads")));
  EXPECT_THAT(overview, ContainsRegex("\n  reference tok/s +(99.7[0-9] *){6}\n"));
  EXPECT_THAT(overview, ContainsRegex("\n  quant +1.99x\\+ +(1.99x\\+ +){4}wrong +wrong\n"));
  EXPECT_THAT(overview, ContainsRegex("\n  broken +- +(failed +){5}failed\n"));
  EXPECT_THAT(overview,
              HasSubstr("+ faster, - slower, = same, ? unclear, no mark: too few blocks, ! some trials failed"));
  // Not with three points or fewer, which can be seen at a glance.
  EXPECT_THAT(table_of(sample_run()), Not(HasSubstr("at every point")));
}

TEST(ConsoleTable, ContinuesTheOverviewBelowWhereThereAreMorePointsThanFit) {
  RunData run = run_of_six_points();
  const std::vector<TrialRecord> trials = run.trials;
  const std::vector<Point> points = run.info.points;
  run.trials[0].outcome.status = TrialStatus::kTimeout;  // one of several trials at this point
  for (Point point : points) {
    point.threads = 1;
    run.info.points.push_back(point);
  }
  for (TrialRecord trial : trials) {
    trial.point.threads = 1;
    run.trials.push_back(trial);
  }
  const std::string table = table_of(run);
  const std::string overview = table.substr(0, table.find("synthetic:gpt2: prompt 32"));
  EXPECT_THAT(overview, ContainsRegex("\n  threads +2 +2 +2 +2 +2 +2 +1\n"));
  EXPECT_THAT(overview, ContainsRegex("\n\n  prompt +32 +64 +64 +128 +128\n"));
  EXPECT_THAT(overview, ContainsRegex("\n  reference tok/s +99.7[0-9] ! +99.7"));
  std::istringstream lines(table);
  for (std::string line; std::getline(lines, line);) EXPECT_LE(line.size(), 100U) << line;
}

// The guide explains every word of the tables.
TEST(ConsoleTable, UsesOnlyWordsThatTheGuideExplains) {
  RunData run = run_of_six_points();
  run.quality.push_back({});
  run.quality.back().contender = "quant";
  run.quality.back().model = "synthetic:gpt2";
  run.quality.back().reference = "reference";
  const std::string guide = read_file(std::string(test_paths::kDocs) + "/read_the_report.md");
  std::string text = table_of(run);
  text.resize(text.rfind("48 of 108 trials failed"));
  text += quality_table(run, false);
  for (const char* name : {"reference", "quant", "broken", "synthetic:gpt2", "avx2", "cpu"}) {
    for (std::size_t at = text.find(name); at != std::string::npos; at = text.find(name)) {
      text.replace(at, std::string(name).size(), " ");
    }
  }
  for (int status = 0; status <= static_cast<int>(TrialStatus::kSkipped); ++status) {
    text.append(" ").append(to_string(static_cast<TrialStatus>(status)));
  }
  const std::regex word("[A-Za-z_][A-Za-z_0-9/-]*[A-Za-z0-9]");
  std::set<std::string> words;
  for (auto it = std::sregex_iterator(text.begin(), text.end(), word); it != std::sregex_iterator(); ++it) {
    words.insert(it->str());
  }
  EXPECT_THAT(words, testing::IsSupersetOf({"ttft", "prefill", "RSS", "KL", "tok/s", "overall", "faster"}));
  for (const std::string& each : words) {
    const std::regex whole("\\b" + each + "\\b", std::regex::icase);
    EXPECT_TRUE(std::regex_search(guide, whole)) << each << " is not in docs/read_the_report.md";
  }
}

TEST(ConsoleTable, PaintsOnlyWhenAsked) {
  const std::string painted = table_of(sample_run(), true);
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
                            "It emitted the same tokens as reference in 4 of 5 trials."));
  ASSERT_EQ(report.agreements.size(), 1U);
  EXPECT_EQ(agreement_text(report.agreements[0], "reference"),
            "quant emitted the same tokens as reference in 4 of 5 trials.");
}

// Two blocks that agree by chance would give an interval of zero width, so there is no interval, and no verdict in any
// format.
TEST(Report, OfTooFewBlocksJudgesNothing) {
  RunData run = sample_run();
  run.trials.resize(1 + 2 * 4);
  const Comparison comparison = compare_contenders(run);
  EXPECT_THAT(table_of(run),
              ContainsRegex("quant +[0-9.]+ +[0-9.]+ +2.00x too few blocks +[0-9.]+ +2.00x too few blocks\n"));
  const Report report = make_report(run, "");
  EXPECT_THAT(headline_text(report.headlines[0], "reference"),
              testing::StartsWith("quant is probably fastest in decode (too few blocks): 2.00x the"));
  EXPECT_THAT(report_markdown(report), HasSubstr("| 2.00x too few blocks |"));
  EXPECT_THAT(summary_csv(run.info, comparison), ContainsRegex(",,too few blocks,4,0,0,0\r"));
  const auto json = nlohmann::json::parse(report_json(report));
  const auto& speed = json.at("points").at(0).at("contenders").at(1).at("vs_baseline").at("decode_tokens_per_s");
  EXPECT_EQ(speed.at("verdict"), "too few blocks");
  EXPECT_TRUE(speed.at("low").is_null());
}

// Enough digits to explain a verdict near 1.
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

// The word and the number refer to the same two contenders.
TEST(Report, SaysWhenTheFastestIsNotSignificantlyFaster) {
  RunData run = sample_run();
  run.info.baseline = "quant";
  for (TrialRecord& trial : run.trials) {
    if (trial.contender == "reference" && trial.block == 1) trial = sample_trial("reference", 1, 60);
  }
  const Report report = make_report(run, "");
  const Headline& decode = report.headlines[0];
  EXPECT_EQ(decode.second, "reference");
  EXPECT_GT(decode.ahead->ratio, 2);
  EXPECT_EQ(standing_text(decode), "probably fastest (not significant)");
  EXPECT_THAT(headline_text(decode, "quant"),
              testing::StartsWith("quant is probably fastest in decode (not significant): 2."));
}

// Relative to the baseline, partial is ahead of quant, but only because it failed where nothing is fast.
TEST(Report, RanksByThePointsThatBothRan) {
  RunData run{sample_info(), {}};
  run.info.contenders.push_back({"partial", "partial", "fp32", {}});
  for (std::size_t point = 0; point < 2; ++point) {
    for (std::int32_t block = 0; block < 6; ++block) {
      const auto put = [&](const std::string& contender, double ms) {
        run.trials.push_back(sample_trial(contender, block, ms + 0.001 * block));
        run.trials.back().point = run.info.points[point];
      };
      put("reference", 10);
      put("quant", point == 0 ? 2 : 9);
      if (point == 0) put("partial", 2.5);
    }
  }
  const Report report = make_report(run, "");
  const Headline& decode = report.headlines[0];
  EXPECT_EQ(decode.speeds[0].contender, "partial");  // 4x at the one point that it ran, where quant has 5x
  EXPECT_EQ(decode.fastest, "quant");
  EXPECT_GT(decode.ahead->ratio, 1);
}

TEST(Report, NamesWhoFailedAndWrongOutputFirst) {
  const RunData run = run_of_six_points();
  const Report report = make_report(run, "");
  ASSERT_EQ(report.failures.size(), 2U);
  EXPECT_EQ(report.failures[0].status, TrialStatus::kWrongOutput);
  EXPECT_THAT(report.failures[0].points, testing::ElementsAre(4U, 5U));
  EXPECT_EQ(report.failures[1].trials, 12U);
  EXPECT_EQ(report.failures[1].skipped, 24U);
  EXPECT_THAT(
      failure_sentences(report.failures, report.comparison),
      testing::ElementsAre("Wrong output: quant in 12 of 36 trials (such as: quality: KL 0.00 is above the bound "
                           "of 0.02).",
                           "broken failed in 36 of 36 trials: 12 crashed, 24 skipped."));
  const std::string markdown = report_markdown(report);
  EXPECT_LT(markdown.find("Wrong output: quant in 12 of 36 trials"), markdown.find("is fastest"));
  EXPECT_THAT(markdown, HasSubstr("- broken failed in 36 of 36 trials: 12 crashed, 24 skipped."));
  const auto json = nlohmann::json::parse(report_json(report));
  EXPECT_EQ(json.at("failures").at(0).at("contender"), "quant");
  EXPECT_EQ(json.at("failures").at(1).at("points").size(), 6U);
}

// Quality may fail for a contender without measured trials.
TEST(Report, NamesAContenderWhoseQualityAloneFailed) {
  RunData run = sample_run();
  QualityRecord& record = run.quality.emplace_back();
  record.contender = "quant";
  record.model = "synthetic:gpt2";
  record.status = TrialStatus::kWrongOutput;
  record.error = "KL 0.3 is above the bound of 0.02";
  const Report report = make_report(run, "");
  EXPECT_THAT(failure_sentences(report.failures, report.comparison),
              testing::ElementsAre("Wrong output: quant (quality: KL 0.3 is above the bound of 0.02)."));
}

TEST(Report, JudgesTheTargets) {
  RunData run = sample_run();
  run.info.resolved_yaml = "name: sample\ntargets: [{metric: ttft_ms, at_most: 1000}]\n";
  const Report report = make_report(run, "");
  ASSERT_FALSE(report.checks.empty());
  EXPECT_EQ(report.checks[0].contender, "reference");
  EXPECT_EQ(nlohmann::json::parse(report_json(report)).at("checks").at(0).at("verdict"), "pass");
  run.info.resolved_yaml = "name: sample\ntargets: [{metric: nonsense, at_most: 1}]\n";
  EXPECT_THAT(make_report(run, "").notes, testing::Contains(HasSubstr("the targets were not judged")));
}

TEST(Report, OfARunWithoutTrialsIsEmptyButWhole) {
  const RunData run{sample_info(), {}};
  const Report report = make_report(run, "");
  EXPECT_TRUE(report.headlines.empty());
  EXPECT_EQ(nlohmann::json::parse(report_json(report)).at("recorded"), 0);
  EXPECT_THAT(report_markdown(report), HasSubstr("0 of 16 planned trials were run"));
}

TEST(Report, TellsPointsOfDifferentDepthsApart) {
  RunData run = run_of_six_points();
  EXPECT_THAT(report_markdown(make_report(run, "")), Not(HasSubstr("past")));
  for (std::size_t i = 0; i < run.info.points.size(); ++i) {
    run.info.points[i] = {"synthetic:gpt2", 32, 8, 1, 2, static_cast<std::int32_t>(64 * i)};
  }
  for (TrialRecord& trial : run.trials) trial.point = run.info.points[trial.point.prompt_tokens == 32 ? 0 : 5];
  EXPECT_THAT(report_markdown(make_report(run, "")), HasSubstr("| synthetic:gpt2 | 32 | 8 | 1 | 2 | 320 | quant |"));
  EXPECT_THAT(table_of(run), ContainsRegex("\n  past +overall +0 +64 +128 +192 +256 +320\n"));
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
