// SPDX-License-Identifier: Apache-2.0
// Which attempt at a disturbed block counts.
#include <gmock/gmock.h>

#include <fstream>

#include "results/attempts.hpp"
#include "results/operator_attempts.hpp"
#include "results/run_folder.hpp"
#include "unit/results_fixture.hpp"

namespace inferbench {
namespace {

using test::failed_trial;
using test::sample_info;
using test::sample_trial;
using testing::ElementsAre;
using testing::IsEmpty;
using testing::UnorderedElementsAre;

TrialRecord attempt_row(const std::string& contender, std::int32_t attempt, bool disturbed, double ms = 2) {
  TrialRecord row = sample_trial(contender, 0, ms);
  row.attempt = attempt;
  if (disturbed) row.disturbed_by = "as told";
  return row;
}

std::vector<std::string> names(const std::vector<TrialRecord>& rows) {
  std::vector<std::string> names;
  for (const TrialRecord& row : rows) names.push_back(row.contender + std::to_string(row.attempt));
  return names;
}

TEST(Attempts, TheFewestDisturbedTrialsCount) {
  const auto chosen = choose_attempts({attempt_row("reference", 0, true), attempt_row("quant", 0, true),
                                       attempt_row("reference", 1, false), attempt_row("quant", 1, true),
                                       attempt_row("reference", 2, true), attempt_row("quant", 2, true)});
  EXPECT_THAT(names(chosen.trials), ElementsAre("reference1", "quant1"));
  EXPECT_THAT(names(chosen.replaced), ElementsAre("reference0", "quant0", "reference2", "quant2"));
}

TEST(Attempts, TheFirstOfEqualsCounts) {
  const auto chosen = choose_attempts({attempt_row("reference", 0, true), attempt_row("quant", 0, false),
                                       attempt_row("reference", 1, false), attempt_row("quant", 1, true)});
  EXPECT_THAT(names(chosen.trials), ElementsAre("reference0", "quant0"));
}

TEST(Attempts, SpeedsAreNotLookedAt) {
  for (const double later : {0.1, 2.0, 40.0}) {
    const auto chosen =
        choose_attempts({attempt_row("reference", 0, false), attempt_row("quant", 0, true),
                         attempt_row("reference", 1, true, later), attempt_row("quant", 1, true, later)});
    EXPECT_THAT(names(chosen.trials), ElementsAre("reference0", "quant0")) << later;
  }
}

TEST(Attempts, AnIncompleteOneDoesNotCount) {
  const auto chosen = choose_attempts(
      {attempt_row("reference", 0, true), attempt_row("quant", 0, true), attempt_row("quant", 1, false)});
  EXPECT_THAT(names(chosen.trials), ElementsAre("reference0", "quant0"));
  EXPECT_THAT(names(chosen.replaced), ElementsAre("quant1"));
}

TEST(Attempts, AFailureCountsInWhicheverAttempt) {
  TrialRecord crash = failed_trial("quant", 0, TrialStatus::kCrashed, "signal 11");
  // A failure in the first attempt: the contender is not run again, and the second attempt still counts as complete.
  auto chosen = choose_attempts({attempt_row("reference", 0, true), crash, attempt_row("reference", 1, false)});
  EXPECT_THAT(names(chosen.trials), ElementsAre("quant0", "reference1"));
  // A failure in the second attempt, which has fewer disturbed trials only because of it.
  crash.attempt = 1;
  chosen = choose_attempts(
      {attempt_row("reference", 0, true), attempt_row("quant", 0, true), attempt_row("reference", 1, true), crash});
  EXPECT_THAT(names(chosen.trials), ElementsAre("reference0", "quant1"));
  EXPECT_EQ(chosen.trials[1].outcome.status, TrialStatus::kCrashed);
  EXPECT_THAT(names(chosen.replaced), ElementsAre("quant0", "reference1"));
}

TEST(Attempts, BlocksAreChosenOneByOne) {
  auto later = attempt_row("reference", 0, false);
  later.block = 1;
  later.id = "p0.reference.b1";
  const auto chosen = choose_attempts({attempt_row("reference", 0, true), attempt_row("reference", 1, false), later});
  EXPECT_THAT(names(chosen.trials), ElementsAre("reference1", "reference0"));
}

TEST(OperatorAttempts, AreChosenForAllRowsAlike) {
  const auto time = [](std::int32_t attempt, bool disturbed) {
    return OperatorTime{3, attempt, 10, 1e-3, disturbed ? "as told" : ""};
  };
  std::vector<OperatorRow> rows(3);
  rows[0].status = rows[1].status = TrialStatus::kOk;
  rows[2].status = TrialStatus::kWrongOutput;  // in its second attempt
  add_attempts({{time(0, true), time(1, false), time(2, true)},
                {time(0, true), time(1, true), time(2, false)},
                {time(0, false)}},
               rows);
  for (std::size_t i = 0; i < 2; ++i) {
    ASSERT_EQ(rows[i].times.size(), 1U);
    EXPECT_EQ(rows[i].times[0].attempt, 1);  // one disturbed row, as in the third attempt, which comes later
    EXPECT_EQ(rows[i].replaced.size(), 2U);
  }
}

TEST(Attempts, AFolderChoosesTheSameWhileItIsWrittenAndWhenItIsRead) {
  const test::TemporaryFolder root;
  std::filesystem::path path;
  const std::vector<TrialRecord> rows{attempt_row("reference", 0, true), attempt_row("quant", 0, false),
                                      attempt_row("quant", 1, true), attempt_row("reference", 1, true)};
  {
    RunFolder folder = RunFolder::create(root.path(), sample_info());
    path = folder.path();
    for (const TrialRecord& row : rows) folder.append(row);
    EXPECT_THAT(names(folder.trials()), UnorderedElementsAre("reference0", "quant0"));
    EXPECT_THAT(names(folder.replaced()), UnorderedElementsAre("reference1", "quant1"));
  }
  const RunData read = read_run(path);
  EXPECT_THAT(names(read.trials), ElementsAre("reference0", "quant0"));
  EXPECT_EQ(read.replaced.size(), 2U);
  EXPECT_EQ(RunFolder::resume(path).trials().size(), 2U);
}

}  // namespace
}  // namespace inferbench
