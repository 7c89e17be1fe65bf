// SPDX-License-Identifier: Apache-2.0
// `inferbench check` and `inferbench compare`: exit codes and files, on the checked-in run and on synthetic ones.
#include <fmt/format.h>
#include <gmock/gmock.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <nlohmann/json.hpp>
#include <sstream>
#include <string>

#include "e2e/golden_text.hpp"
#include "e2e/small_run.hpp"
#include "results/run_folder.hpp"
#include "support/files.hpp"
#include "support/program.hpp"
#include "support/test_paths.hpp"
#include "unit/results_fixture.hpp"

namespace inferbench {
namespace {

namespace fs = std::filesystem;
using test::compare_with_golden;
using test::golden;
using test::small_run;
using testing::AllOf;
using testing::HasSubstr;

// A run of five blocks in which quant takes `ms` per token, with these targets.
std::string made_run(const fs::path& root, double ms, const std::string& targets) {
  RunInfo info = test::sample_info();
  info.points.resize(1);
  static int runs = 0;  // runs with the same run.json count as one, so each gets another start time
  info.started = fmt::format("2026-03-01T12:{:02}:00Z", runs++);
  info.resolved_yaml = "name: sample\n" + targets;
  RunFolder folder = RunFolder::create(root, info);
  for (std::int32_t block = 0; block < 5; ++block) {
    folder.append(test::sample_trial("reference", block, 10 + 0.1 * block));
    folder.append(test::sample_trial("quant", block, ms * (1.02 - 0.01 * block)));
  }
  return folder.path().string();
}

TEST(CheckCommand, WritesWhatIsExpected) {
  const test::TemporaryFolder folder;
  const std::string markdown = folder.path() / "check.md";
  const std::string junit = folder.path() / "check.xml";
  const ProgramResult result = run_program({"check", small_run(), "--all", "--markdown", markdown, "--junit", junit});
  EXPECT_EQ(result.exit_code, 1) << result.err;
  EXPECT_EQ(compare_with_golden(result.out, golden("check.txt")), "");
  EXPECT_EQ(compare_with_golden(read_file(markdown), golden("check.md")), "");
  EXPECT_EQ(compare_with_golden(read_file(junit), golden("check.xml")), "");
}

TEST(CheckCommand, ExitsByTheVerdict) {
  const test::TemporaryFolder root;
  const auto exit_code = [&](const std::string& bound) {
    const std::string targets =
        "targets: [{contender: quant, metric: decode_tokens_per_s, at_least: " + bound + " x baseline}]\n";
    const ProgramResult result = run_program({"check", made_run(root.path(), 5, targets)});
    EXPECT_EQ(result.err, "");
    return result.exit_code;
  };
  EXPECT_EQ(exit_code("1.5"), 0);
  EXPECT_EQ(exit_code("2.5"), 1);
  EXPECT_EQ(exit_code("2.02"), 4);
}

TEST(CheckCommand, ComparesWithAnEarlierRun) {
  const test::TemporaryFolder root;
  const std::string before = made_run(root.path(), 5, "");
  const std::string slower = made_run(root.path(), 6, "");
  EXPECT_EQ(run_program({"check", before, "--against", before}).exit_code, 0);
  const ProgramResult failed = run_program({"check", slower, "--against", before, "--json"});
  EXPECT_EQ(failed.exit_code, 1);
  const auto json = nlohmann::json::parse(failed.out);
  EXPECT_EQ(json.at("verdict"), "fail");
  EXPECT_EQ(json.at("fail"), 2);  // ttft and decode of quant
  EXPECT_EQ(run_program({"check", slower, "--against", before, "--threshold", "40"}).exit_code, 0);
  EXPECT_EQ(run_program({"check", slower, "--against", before, "--metric", "peak_rss_bytes"}).exit_code, 0);
}

// If all earlier trials of a contender failed, a check against them must not pass.
TEST(CheckCommand, NeverPassesWithoutData) {
  const test::TemporaryFolder root;
  const std::string now = made_run(root.path() / "a", 5, "");
  const std::string before = made_run(root.path() / "b", 5, "");
  std::string text;
  std::ifstream lines(before + "/trials.jsonl");
  for (std::string line; std::getline(lines, line);) {
    auto row = nlohmann::json::parse(line);
    row["status"] = "crashed";
    row["error"] = "signal 11";
    text += row.dump() + "\n";
  }
  lines.close();
  std::ofstream(before + "/trials.jsonl") << text;
  const ProgramResult result = run_program({"check", now, "--against", before});
  EXPECT_EQ(result.exit_code, 4) << result.out;
  EXPECT_THAT(result.out, HasSubstr("no earlier data: 5 of 5 trials failed, the first crashed: signal 11"));
  EXPECT_EQ(run_program({"check", before, "--against", now}).exit_code, 1);
  EXPECT_EQ(run_program({"check", now, "--against", now, "--metric", "kl"}).exit_code, 4);
  const ProgramResult compared = run_program({"compare", before, now});
  EXPECT_EQ(compared.exit_code, 2);
  EXPECT_THAT(compared.err, HasSubstr("there is nothing to compare: run A has no successful trial"));
}

TEST(CheckCommand, TakesThresholdsByMetricAndPoint) {
  const test::TemporaryFolder root;
  const std::string before = made_run(root.path() / "a", 5, "");
  // 20% more time per token is 17% fewer tokens per second
  const std::string slower = made_run(root.path() / "b", 6, "");
  const auto exit_code = [&](std::vector<std::string> more) {
    more.insert(more.begin(), {"check", slower, "--against", before, "--metric", "decode_tokens_per_s"});
    return run_program(more).exit_code;
  };
  EXPECT_EQ(exit_code({}), 1);
  EXPECT_EQ(exit_code({"--threshold", "decode_tokens_per_s=30%"}), 0);
  EXPECT_EQ(exit_code({"--threshold", "30", "--threshold", "decode_tokens_per_s@prompt=32=1%"}), 1);
  EXPECT_EQ(
      exit_code({"--threshold", "1", "--threshold", "@contender=quant=30", "--threshold", "@contender=reference=9"}),
      0);
  const ProgramResult wrong = run_program({"check", slower, "--against", before, "--threshold", "ttft_ms@prompt=1=3"});
  EXPECT_EQ(wrong.exit_code, 2);
  EXPECT_THAT(wrong.err, HasSubstr("--threshold ttft_ms@prompt=1=3: no point has prompt_tokens 1"));
}

TEST(CheckCommand, WarnsWhereTheRunsDiffer) {
  const test::TemporaryFolder root;
  const std::string before = made_run(root.path() / "a", 5, "");
  const std::string now = made_run(root.path() / "b", 5, "");
  EXPECT_EQ(run_program({"check", now, "--against", before}).err, "");
  auto info = nlohmann::json::parse(read_file(now + "/run.json"));
  info["environment"] = {{"cpu", {{"model", "Y"}}}, {"kernel", "7.1"}};
  info["plugins"][1]["sha256"] = "another";
  std::ofstream(now + "/run.json") << info;
  const ProgramResult result = run_program({"check", now, "--against", before, "--json"});
  EXPECT_EQ(result.exit_code, 0);
  EXPECT_THAT(result.err, AllOf(HasSubstr("inferbench: warning: the runs differ: backend of quant: "),
                                HasSubstr("the runs differ: cpu/model: X, now Y\n"),
                                HasSubstr("the runs differ: kernel: unknown, now 7.1\n")));
  EXPECT_EQ(nlohmann::json::parse(result.out).at("warnings").size(), 3U);
}

TEST(CheckCommand, NeedsSomethingToCheck) {
  const test::TemporaryFolder root;
  const ProgramResult result = run_program({"check", made_run(root.path(), 5, "")});
  EXPECT_EQ(result.exit_code, 2);
  EXPECT_THAT(result.err, HasSubstr("has no targets"));
  EXPECT_THAT(result.err, HasSubstr("--against RUN"));
  EXPECT_EQ(run_program({"check", "--metric", "speed", small_run()}).exit_code, 2);
}

TEST(CheckCommand, MistakesAreOneLineAndOneHint) {
  const ProgramResult none = run_program({"check"});
  EXPECT_EQ(none.exit_code, 2);
  EXPECT_EQ(none.err, "inferbench: error: check: run is required\ninferbench: hint: inferbench check --help\n");
  const ProgramResult missing = run_program({"check", "/nowhere/run"});
  EXPECT_EQ(missing.exit_code, 2);
  EXPECT_THAT(missing.err, HasSubstr("error: cannot read /nowhere/run/run.json"));
  EXPECT_THAT(missing.err, HasSubstr("inferbench: hint: "));
  EXPECT_EQ(run_program({"check", "/nowhere/run", "--thresold", "3"}).exit_code, 2);
}

TEST(CompareCommand, NamesTheFirstThatIsMissing) {
  const ProgramResult result = run_program({"compare", "/nowhere/a", "/nowhere/b"});
  EXPECT_EQ(result.exit_code, 2);
  EXPECT_EQ(result.out, "");
  EXPECT_THAT(result.err, HasSubstr("error: cannot read /nowhere/a/run.json"));
  EXPECT_THAT(result.err, HasSubstr("inferbench: hint: "));
  const ProgramResult none = run_program({"compare"});
  EXPECT_THAT(none.err, HasSubstr("inferbench: hint: inferbench compare --help"));
}

TEST(CompareCommand, PrintsWhatIsExpected) {
  const test::TemporaryFolder root;
  const std::string before = made_run(root.path() / "a", 5, "");
  const std::string after = made_run(root.path() / "b", 4, "");
  const std::string markdown = root.path() / "compare.md";
  const ProgramResult result = run_program({"compare", before, after, "--markdown", markdown});
  ASSERT_EQ(result.exit_code, 0) << result.err;
  const std::string names_end = "\n\n";
  const std::string body = result.out.substr(result.out.find(names_end));
  EXPECT_EQ(compare_with_golden(body, golden("compare.txt")), "");
  EXPECT_THAT(read_file(markdown), HasSubstr("| quant | decode | 1.25x"));
  std::istringstream lines(result.out);
  for (std::string line; std::getline(lines, line);) EXPECT_LE(line.size(), 100U) << line;
  const auto json = nlohmann::json::parse(run_program({"compare", before, after, "--json"}).out);
  EXPECT_EQ(json.at("overall").at(4).at("contender"), "quant");
}

TEST(CompareCommand, RefusesRunsWithNothingInCommon) {
  const test::TemporaryFolder root;
  const ProgramResult result = run_program({"compare", small_run(), made_run(root.path(), 5, "")});
  EXPECT_EQ(result.exit_code, 2);
  EXPECT_THAT(result.err, HasSubstr("no point in common"));
}

}  // namespace
}  // namespace inferbench
