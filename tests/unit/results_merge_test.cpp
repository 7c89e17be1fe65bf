// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>

#include "results/environment.hpp"
#include "results/environment_difference.hpp"
#include "results/merge_runs.hpp"
#include "support/error.hpp"
#include "unit/results_fixture.hpp"

namespace inferbench {
namespace {

using test::sample_info;
using test::sample_trial;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

// The sample's two points, one for each part; as planned, two contenders with a warm-up and three blocks.
NamedRun part(std::int32_t index) {
  NamedRun run{"part" + std::to_string(index), {sample_info(), {}, {}}};
  run.data.info.shard = {index, 2};
  run.data.info.planned_trials = 8;
  for (std::int32_t block = 0; block < 3; ++block) {
    TrialRecord trial = sample_trial("quant", block, 2);
    trial.point = run.data.info.points[static_cast<std::size_t>(index) - 1];
    trial.id = "p" + std::to_string(index - 1) + ".c1.b" + std::to_string(block);
    run.data.trials.push_back(trial);
  }
  return run;
}

std::string refusal_of(const std::vector<NamedRun>& parts) {
  try {
    merge_runs(parts);
  } catch (const Error& error) {
    return error.what();
  }
  return "no error";
}

TEST(MergeRuns, JoinsTheTrialsOfAllParts) {
  std::vector<NamedRun> parts{part(1), part(2)};
  TrialRecord first_attempt = parts[1].data.trials[0];
  parts[1].data.trials[0].attempt = 1;
  parts[1].data.replaced.push_back(first_attempt);
  const RunData whole = merge_runs(parts);
  EXPECT_EQ(whole.trials.size(), 6U);
  EXPECT_EQ(whole.replaced.size(), 1U);
  EXPECT_EQ(whole.info.planned_trials, 16U);
  EXPECT_TRUE(whole.info.shard.whole());
  ASSERT_EQ(whole.info.merged.size(), 2U);
  EXPECT_THAT(whole.info.merged[1].differs, IsEmpty());
  // The merged run is a valid run.
  const RunInfo back = parse_run_info(to_json_text(whole.info));
  EXPECT_EQ(to_json_text(back), to_json_text(whole.info));
}

TEST(MergeRuns, SaysWhereMachinesAndBuildsDiffer) {
  std::vector<NamedRun> parts{part(1), part(2)};
  parts[1].data.info.environment = R"({"cpu":{"model":"Y"}})";
  parts[1].data.info.plugins[1].sha256 = "other";
  parts[1].data.info.plugins[1].build = "clang";
  EXPECT_THAT(merge_runs(parts).info.merged[1].differs,
              ElementsAre("cpu.model: X, now Y", "the backend of quant: a different build (gcc, now clang)"));
}

TEST(MergeRuns, RefusesWhatDoesNotBelongTogether) {
  EXPECT_THAT(refusal_of({part(1)}), HasSubstr("at least two runs, one is named"));
  EXPECT_THAT(refusal_of({part(1), part(1)}), HasSubstr("both contain the trial p0.c1.b0"));
  std::vector<NamedRun> parts{part(1), part(2)};
  parts[1].data.info.models[0].sha256 = "other";
  EXPECT_THAT(
      refusal_of(parts),
      HasSubstr(
          "part1 and part2 ran different models: model 'synthetic:gpt2': different weights (SHA-256 cc and other)"));
  parts = {part(1), part(2)};
  parts[1].data.info.resolved_yaml += "x: 1\n";
  EXPECT_EQ(refusal_of(parts), "part2 ran a different experiment from part1: x: absent, now 1");
}

// Two hosts with the experiment, its model and its text in different folders.
NamedRun part_in(const std::string& folder, std::int32_t index) {
  NamedRun run = part(index);
  RunInfo& info = run.data.info;
  const std::string model = folder + "/model";
  const std::string plugin = folder + "/build/libmine.so";
  const std::string text = folder + "/texts/wiki.txt";
  info.experiment_file = folder + "/q.yaml";
  info.resolved_yaml = "name: \"sample\"\nbackends:\n  - name: \"quant\"\n    plugin: \"" + plugin +
                       "\"\nmodels:\n  - \"" + model + "\"\nquality:\n  text: \"" + text + "\"\n";
  info.contenders[1].plugin = plugin;
  info.models[0].reference = model;
  info.models[0].name = "model";
  info.files = {{"quality.text", {text}, "ee"}};
  for (Point& point : info.points) point.model = model;
  for (TrialRecord& trial : run.data.trials) trial.point.model = model;
  QualityRecord quality;
  quality.contender = "quant";
  quality.model = model;
  quality.text = text;
  quality.status = index == 2 ? TrialStatus::kWrongOutput : TrialStatus::kOk;
  run.data.quality.push_back(quality);
  return run;
}

TEST(MergeRuns, DoesNotMindWhereTheFilesAre) {
  const RunData whole = merge_runs({part_in("/home/a/exp", 1), part_in("/srv/bench", 2)});
  EXPECT_EQ(whole.trials.size(), 6U);
  for (const TrialRecord& trial : whole.trials) EXPECT_EQ(trial.point.model, "/home/a/exp/model");
  EXPECT_EQ(whole.info.experiment_file, "/home/a/exp/q.yaml");
  // Both parts measured quality. The row with the failure must be kept.
  ASSERT_EQ(whole.quality.size(), 1U);
  EXPECT_EQ(whole.quality[0].status, TrialStatus::kWrongOutput);
  EXPECT_EQ(whole.quality[0].model, "/home/a/exp/model");
}

TEST(MergeRuns, ComparesTextsByWhatTheyHold) {
  std::vector<NamedRun> parts{part_in("/home/a/exp", 1), part_in("/srv/bench", 2)};
  parts[1].data.info.files[0].sha256 = "ff";
  EXPECT_THAT(refusal_of(parts), HasSubstr("part2 ran a different experiment from part1: quality.text: "));
}

TEST(EnvironmentDifferences, LeaveOutWhatPasses) {
  const std::string now = collect_environment();
  EXPECT_THAT(environment_differences(now, now), IsEmpty());
  EXPECT_THAT(environment_differences(R"({"time":"a","system":{"load":"1"},"cpu":{"mhz_now":"1","smt":"0"}})",
                                      R"({"time":"b","system":{"load":"2"},"cpu":{"mhz_now":"2","smt":"1"}})"),
              ElementsAre("cpu.smt: 0, now 1"));
}

TEST(EnvironmentDifferences, ShowWhatIsMissingAndCutWhatIsLong) {
  const std::string flags(500, 'x');
  EXPECT_THAT(environment_differences(R"({"cpu":{"flags":")" + flags + R"(a","model":"X"}})",
                                      R"({"cpu":{"flags":")" + flags + R"(b"},"memory":{"swap_bytes":7}})"),
              ElementsAre("cpu.flags: changed", "cpu.model: X, now unknown", "memory.swap_bytes: unknown, now 7"));
}

}  // namespace
}  // namespace inferbench
