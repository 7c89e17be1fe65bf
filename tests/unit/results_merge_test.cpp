// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>

#include "results/environment.hpp"
#include "results/environment_difference.hpp"
#include "results/folder_lock.hpp"
#include "results/merge_runs.hpp"
#include "results/missing_trials.hpp"
#include "results/node_differences.hpp"
#include "results/paired_ratio.hpp"
#include "results/run_notes.hpp"
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

// The sample's points with 1 and 2 threads, and its second contender on a device.
RunInfo info_with_device() {
  RunInfo info = sample_info();
  info.points[1] = info.points[0];
  info.points[0].threads = 1;
  info.contenders[1].device = "cuda:0";
  return info;
}

TEST(MergeRuns, KnowsThatThreadsAreNoAxisForADevice) {
  RunInfo info = info_with_device();
  info.planned_trials = 12;  // (1 + 2 pairs) x 4
  EXPECT_EQ(planned_in(info, {1, 2}), 4U);
  EXPECT_EQ(planned_in(info, {2, 2}), 8U);
  info.shard = {1, 2};
  info.planned_trials = 4;
  EXPECT_EQ(planned_in(info, Shard{}), 12U);
  EXPECT_EQ(parse_run_info(to_json_text(info)).contenders, info.contenders);
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
  NamedRun whole = part(1);
  whole.data.info.shard = {};
  EXPECT_THAT(refusal_of({whole}), HasSubstr("at least two runs, one is named"));
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

// The trial of a complete plan: warm-ups and blocks of both contenders at the part's point.
NamedRun complete_part(std::int32_t index, std::int32_t count) {
  NamedRun run = part(1);
  run.folder = "part" + std::to_string(index);
  run.data.info.shard = {index, count};
  run.data.trials.clear();
  for (const std::int32_t contender : {0, 1}) {
    for (std::int32_t block = -1; block < 3; ++block) {
      TrialRecord trial = sample_trial(contender == 0 ? "reference" : "quant", block, 2);
      trial.id = "p" + std::to_string(index - 1) + ".c" + std::to_string(contender) +
                 (block < 0 ? ".w0" : ".b" + std::to_string(block));
      run.data.trials.push_back(trial);
    }
  }
  return run;
}

std::vector<std::string> missing_in(const std::vector<NamedRun>& parts) {
  std::vector<std::string> texts;
  for (const MissingShard& shard : missing_shards(parts)) texts.push_back(to_text(shard));
  return texts;
}

TEST(MissingShards, AreNamed) {
  EXPECT_THAT(missing_in({complete_part(1, 2), complete_part(2, 2)}), IsEmpty());
  EXPECT_THAT(missing_in({complete_part(2, 2)}), ElementsAre("shard 1/2: no run folder, 8 trials are missing"));
  NamedRun killed = complete_part(2, 2);
  killed.data.trials.resize(5);
  EXPECT_THAT(missing_in({complete_part(1, 2), killed}), ElementsAre("shard 2/2: 3 of 8 trials are missing (part2)"));
  // A block that measure.until added does not replace one that is missing.
  TrialRecord added = killed.data.trials.back();
  added.block = 3;
  added.id = "p1.c0.b3";
  killed.data.trials.push_back(added);
  EXPECT_THAT(missing_in({complete_part(1, 2), killed}), ElementsAre("shard 2/2: 3 of 8 trials are missing (part2)"));
}

NamedRun run_of_node(const std::string& node, double ms, std::int32_t blocks) {
  NamedRun run{"run-" + node, {sample_info(), {}, {}}};
  run.data.info.environment = R"({"cpu":{"model":"X"},"system":{"node":")" + node + R"("}})";
  run.data.info.planned_trials = static_cast<std::uint64_t>(blocks);
  for (std::int32_t block = 0; block < blocks; ++block) {
    TrialRecord trial = sample_trial("quant", block, ms * (1 + 0.001 * block));
    trial.id = "p0.c1.b" + std::to_string(block);
    trial.node = node;
    run.data.trials.push_back(trial);
  }
  return run;
}

TEST(MergeNodes, MakesTheNodeAnAxis) {
  const RunData whole = merge_nodes({run_of_node("n1", 2, 3), run_of_node("n2", 3, 3)});
  std::vector<std::string> points;
  for (const Point& point : whole.info.points) points.push_back(workload_text(point));
  EXPECT_THAT(points, ElementsAre("prompt 32, generate 8, batch 1, threads 2, node n1",
                                  "prompt 32, generate 8, batch 1, threads 2, node n2",
                                  "prompt 32, generate 8, batch 4, threads 2, node n1",
                                  "prompt 32, generate 8, batch 4, threads 2, node n2"));
  ASSERT_EQ(whole.trials.size(), 6U);
  EXPECT_EQ(whole.trials[3].id, "p1.c1.b0");
  EXPECT_EQ(whole.trials[3].point, whole.info.points[1]);
  EXPECT_EQ(whole.info.planned_trials, 6U);
  const RunInfo back = parse_run_info(to_json_text(whole.info));
  EXPECT_EQ(back.points, whole.info.points);
  EXPECT_EQ(parse_trial_record(to_json_line(whole.trials[3])).point, whole.trials[3].point);
}

TEST(MergeNodes, RefusesWhatIsNoSecondNode) {
  const auto refusal = [](const std::vector<NamedRun>& runs) {
    try {
      merge_nodes(runs);
    } catch (const Error& error) {
      return std::string(error.what());
    }
    return std::string("no error");
  };
  EXPECT_EQ(refusal({run_of_node("n1", 2, 3)}), "merge needs at least two runs, one is named");
  EXPECT_EQ(refusal({run_of_node("n1", 2, 3), run_of_node("n1", 2, 3)}), "run-n1 is a second run of the node n1");
  EXPECT_EQ(refusal({run_of_node("n1", 2, 3), complete_part(2, 2)}), "part2 is a shard, not a complete run");
  NamedRun other = run_of_node("n2", 2, 3);
  other.data.info.resolved_yaml += "x: 1\n";
  EXPECT_THAT(refusal({run_of_node("n1", 2, 3), other}), HasSubstr("ran a different experiment"));
}

TEST(NodeDifferences, FindTheSlowNodeAtCommonPoints) {
  const std::vector<NamedRun> runs{run_of_node("n1", 2, 7), run_of_node("n2", 2.001, 7), run_of_node("n3", 2.4, 7)};
  const auto found = find_node_differences(merge_nodes(runs));
  ASSERT_EQ(found.size(), 2U);  // prefill and decode
  for (const NodeDifference& difference : found) {
    EXPECT_EQ(difference.node, "n3");
    EXPECT_EQ(difference.others, 2U);
    EXPECT_EQ(difference.differs, 2U);
    EXPECT_EQ(difference.nearest, "n2");
    EXPECT_NEAR(difference.speed.ratio, 2.001 / 2.4, 0.002);
  }
  // A node of another kind may be faster, and one percent is too little to mention.
  std::vector<NamedRun> others = runs;
  others[2].data.info.environment = R"({"cpu":{"model":"Y"},"system":{"node":"n3"}})";
  EXPECT_THAT(find_node_differences(merge_nodes(others)), IsEmpty());
  EXPECT_THAT(find_node_differences(merge_nodes({run_of_node("n1", 2, 7), run_of_node("n2", 2.02, 7)})), IsEmpty());
}

TEST(NodeDifferences, FindTheSlowNodeOfShardsByItsSpins) {
  std::vector<NamedRun> parts{complete_part(1, 2), complete_part(2, 2)};
  for (std::size_t i = 0; i < parts.size(); ++i) {
    const std::string node = "n" + std::to_string(i + 1);
    parts[i].data.info.environment = R"({"cpu":{"model":"X"},"system":{"node":")" + node + R"("}})";
    double noise = 0;
    for (TrialRecord& trial : parts[i].data.trials) {
      trial.node = node;
      trial.outcome.interference.spin_ms = (i == 0 ? 1.0 : 1.1) + noise;
      noise += 0.0005;
    }
  }
  const RunData whole = merge_runs(parts);
  const auto found = find_node_differences(whole);
  ASSERT_EQ(found.size(), 1U);
  EXPECT_EQ(found[0].node, "n2");
  EXPECT_NEAR(found[0].speed.ratio, 1 / 1.1, 0.005);
  EXPECT_THAT(run_notes(whole),
              testing::Contains(HasSubstr("the node n2 stands out in the fixed work before each trial: 0.909x")));
}

// A block that began on one node and ended on another has no pairs.
TEST(PairedValues, AreOfOneNode) {
  std::vector<TrialRecord> first{sample_trial("quant", 0, 2), sample_trial("quant", 1, 2)};
  std::vector<TrialRecord> second{sample_trial("reference", 0, 3), sample_trial("reference", 1, 3)};
  for (auto* trials : {&first, &second}) {
    for (TrialRecord& trial : *trials) trial.node = "n1";
  }
  second[1].node = "n2";
  const std::vector<const TrialRecord*> a{&first[0], &first[1]};
  const std::vector<const TrialRecord*> b{&second[0], &second[1]};
  EXPECT_EQ(paired_values("ttft_ms", a, b).first.size(), 1U);
}

TEST(LockWeakness, IsKnownFromTheMount) {
  const std::string mounts =
      "22 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw\n"
      "40 22 0:40 / /home rw shared:2 - nfs server:/home rw,vers=3,nolock,local_lock=none\n"
      "41 22 0:41 / /data rw - nfs4 server:/data rw,vers=4.2,local_lock=none\n"
      "42 22 0:42 / /data/my\\040runs rw - nfs server:/runs rw,vers=3,local_lock=all\n"
      "43 22 0:43 / /lustre rw - lustre x@tcp:/l rw,localflock\n";
  EXPECT_EQ(lock_weakness("/tmp/x", mounts), "");
  EXPECT_EQ(lock_weakness("/data/x", mounts), "");
  EXPECT_EQ(lock_weakness("/homes/x", mounts), "");
  EXPECT_EQ(lock_weakness("/home/me/x", mounts),
            "locks on /home (nfs, nolock) bind only the processes of this machine");
  EXPECT_THAT(lock_weakness("/data/my runs/x", mounts), HasSubstr("(nfs, local_lock=all)"));
  EXPECT_THAT(lock_weakness("/lustre", mounts), HasSubstr("(lustre, localflock)"));
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
