// SPDX-License-Identifier: Apache-2.0
#include "report/run_comparison.hpp"

#include <gmock/gmock.h>

#include <sstream>
#include <string>

#include "support/error.hpp"
#include "unit/check_fixture.hpp"
#include "unit/results_fixture.hpp"

namespace inferbench {
namespace {

using test::checked_run;
using test::with_status;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

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
