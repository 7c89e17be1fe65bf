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

// The sample's two points, one to each part; as planned, two contenders with a warm-up and three blocks.
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
  // And it is a run like any other.
  const RunInfo back = parse_run_info(to_json_text(whole.info));
  EXPECT_EQ(to_json_text(back), to_json_text(whole.info));
}

TEST(MergeRuns, SaysWhereMachinesAndBuildsDiffer) {
  std::vector<NamedRun> parts{part(1), part(2)};
  parts[1].data.info.environment = R"({"cpu":{"model":"Y"}})";
  parts[1].data.info.plugins[1].sha256 = "other";
  parts[1].data.info.plugins[1].build = "clang";
  EXPECT_THAT(merge_runs(parts).info.merged[1].differs,
              ElementsAre("cpu.model: X, now Y", "the backend of quant: another build (gcc, now clang)"));
}

TEST(MergeRuns, RefusesWhatDoesNotBelongTogether) {
  EXPECT_THAT(refusal_of({part(1)}), HasSubstr("at least two"));
  EXPECT_THAT(refusal_of({part(1), part(1)}), HasSubstr("both hold the trial p0.c1.b0"));
  std::vector<NamedRun> parts{part(1), part(2)};
  parts[1].data.info.models[0].sha256 = "other";
  EXPECT_THAT(refusal_of(parts), HasSubstr("ran another model under the name synthetic:gpt2"));
  parts = {part(1), part(2)};
  parts[1].data.info.resolved_yaml += "x: 1\n";
  EXPECT_THAT(refusal_of(parts), HasSubstr("part2 is another experiment than part1"));
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
              ElementsAre("cpu.flags: another", "cpu.model: X, now unknown", "memory.swap_bytes: unknown, now 7"));
}

}  // namespace
}  // namespace inferbench
