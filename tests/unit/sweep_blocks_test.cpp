// SPDX-License-Identifier: Apache-2.0
// How many blocks a point gets, which blocks are repeated, and how a stopped sweep resumes.
#include <gmock/gmock.h>

#include <algorithm>
#include <fstream>
#include <map>
#include <set>
#include <utility>

#include "run/enough_blocks.hpp"
#include "support/error.hpp"
#include "unit/simulated_sweep.hpp"

namespace inferbench {
namespace {

using test::sample_trial;
using test::SimulatedSweep;
using testing::HasSubstr;

std::set<std::pair<std::string, std::int32_t>> ids_of(const RunData& data) {
  std::set<std::pair<std::string, std::int32_t>> ids;
  for (const auto* rows : {&data.trials, &data.replaced}) {
    for (const TrialRecord& row : *rows) {
      EXPECT_TRUE(ids.emplace(row.id, row.attempt).second) << row.id << " twice, attempt " << row.attempt;
    }
  }
  return ids;
}

TEST(SweepBlocks, AreAsManyAsTheIntervalsNeed) {
  SimulatedSweep wide(1);
  wide.experiment.measure.until = Until{0.02, 50, 10};
  ASSERT_TRUE(wide.run());
  SimulatedSweep narrow(1);
  narrow.experiment.measure.until = Until{0.003, 100, 10};
  ASSERT_TRUE(narrow.run());
  EXPECT_LT(wide.ratio().n, narrow.ratio().n);
  EXPECT_LT(narrow.ratio().n, 100U);
  EXPECT_EQ(narrow.blocks_added(), static_cast<int>(narrow.ratio().n) - 5);
  for (const char* metric : {"decode_tokens_per_s", "prefill_tokens_per_s"}) {
    EXPECT_LE(narrow.ratio(metric).interval->high, narrow.ratio(metric).ratio * 1.003) << metric;
  }
}

TEST(SweepBlocks, StopAtTheirBounds) {
  SimulatedSweep sweep(2);
  sweep.experiment.measure.until = Until{0.0001, 9, 10};
  ASSERT_TRUE(sweep.run());
  EXPECT_EQ(sweep.ratio().n, 9U);

  // Ten trials of half a second that never agree.
  std::vector<TrialRecord> rows;
  for (int block = 0; block < 5; ++block) {
    rows.push_back(sample_trial("reference", block, 2));
    rows.push_back(sample_trial("other", block, 2 + block));
  }
  std::vector<const TrialRecord*> trials;
  for (const TrialRecord& row : rows) trials.push_back(&row);
  sweep.experiment.measure.until = Until{0.01, 50, 5.1 / 60};
  EXPECT_FALSE(enough_blocks(sweep.experiment, trials, 5));
  sweep.experiment.measure.until = Until{0.01, 50, 4.9 / 60};
  EXPECT_TRUE(enough_blocks(sweep.experiment, trials, 5));
  EXPECT_FALSE(enough_blocks(sweep.experiment, trials, 4));  // measure.blocks is always the minimum
}

TEST(SweepBlocks, DoNotWaitForAContenderThatFails) {
  SimulatedSweep sweep(3);
  sweep.other_fails_after = 4;
  sweep.experiment.measure.until = Until{0.0001, 50, 10};
  ASSERT_TRUE(sweep.run());
  EXPECT_EQ(sweep.trials_of("reference").size(), 1U + 5U);
}

TEST(SweepBlocks, ADisturbedBlockIsRunAgainAndAllRowsAreKept) {
  SimulatedSweep sweep(4);
  sweep.machine.loaded_from = SimulatedSweep::trials_before_block(1);
  sweep.machine.loaded_until = SimulatedSweep::trials_before_block(2);
  ASSERT_TRUE(sweep.run());
  ASSERT_EQ(sweep.data().replaced.size(), 2U);
  for (const TrialRecord& row : sweep.data().replaced) {
    EXPECT_EQ(row.block, 1);
    EXPECT_EQ(row.attempt, 0);
    EXPECT_THAT(row.disturbed_by, HasSubstr("spin"));
  }
  EXPECT_EQ(sweep.data().trials.size(), sweep.data().info.planned_trials);
  for (const TrialRecord& row : sweep.data().trials) {
    EXPECT_FALSE(row.disturbed());
    EXPECT_EQ(row.attempt, row.block == 1 ? 1 : 0);
  }
}

// The load begins in the middle of block 1 and lasts through its second attempt, which is worse.
TEST(SweepBlocks, AWorseAttemptDoesNotReplaceABetterOne) {
  SimulatedSweep sweep(4);
  sweep.machine.loaded_from = SimulatedSweep::trials_before_block(1) + 3;  // at the second contender's measured trial
  sweep.machine.loaded_until = sweep.machine.loaded_from + 3;
  ASSERT_TRUE(sweep.run());
  ASSERT_EQ(sweep.data().replaced.size(), 2U);
  for (const TrialRecord& row : sweep.data().replaced) {
    EXPECT_EQ(row.block, 1);
    EXPECT_EQ(row.attempt, 1);
    EXPECT_TRUE(row.disturbed());
  }
  const auto n_disturbed = std::count_if(sweep.data().trials.begin(), sweep.data().trials.end(),
                                         [](const TrialRecord& row) { return row.disturbed(); });
  EXPECT_EQ(n_disturbed, 1);
}

// A repeat would only fail again, and would cost a process for each attempt.
TEST(SweepBlocks, AContenderThatFailedIsNotRepeated) {
  SimulatedSweep sweep(4);
  sweep.other_fails_after = 0;
  sweep.experiment.measure.repeat_disturbed = 2;
  sweep.machine.loaded_from = 3;  // the reference's measured trial in block 1: only its trials are counted
  sweep.machine.loaded_until = 4;
  ASSERT_TRUE(sweep.run());
  ASSERT_FALSE(sweep.data().replaced.empty());  // the reference was repeated
  for (const auto* rows : {&sweep.data().trials, &sweep.data().replaced}) {
    for (const TrialRecord& row : *rows) {
      if (row.contender == "other") {
        EXPECT_EQ(row.attempt, 0) << row.id;
      }
    }
  }
}

TEST(SweepBlocks, EachAttemptHasAPromptOfItsOwn) {
  SimulatedSweep sweep(5);
  sweep.experiment.measure.repeat_disturbed = 3;
  sweep.machine.loaded_from = 2;
  ASSERT_TRUE(sweep.run());
  std::map<std::uint64_t, std::set<std::string>> blocks;  // blocks that use this prompt
  for (const auto* rows : {&sweep.data().trials, &sweep.data().replaced}) {
    for (const TrialRecord& row : *rows) {
      blocks[row.prompt_stream].insert(std::to_string(row.block) + "." + std::to_string(row.attempt));
    }
  }
  EXPECT_EQ(blocks.size(), 1U + 5U * 4U);
  for (const auto& [stream, names] : blocks) EXPECT_EQ(names.size(), 1U) << stream;
}

TEST(SweepBlocks, NoProcessSeesAPromptBeforeItIsMeasured) {
  SimulatedSweep sweep(5, 2);
  sweep.experiment.measure.repeat_disturbed = 2;
  sweep.machine.loaded_from = 9;
  sweep.machine.loaded_until = 30;
  ASSERT_TRUE(sweep.run());
  EXPECT_EQ(sweep.machine.repeated_prompts, 0);
  SimulatedSweep kept(5, 2);
  kept.experiment.measure.fresh_processes = false;
  kept.machine.loaded_from = 9;
  kept.machine.loaded_until = 30;
  ASSERT_TRUE(kept.run());
  EXPECT_EQ(kept.machine.repeated_prompts, 0);
}

// If a file is replaced, the sweep ends, and the rows measured before are kept in the folder.
TEST(SweepBlocks, AReplacedFileEndsTheSweepAndKeepsItsRows) {
  SimulatedSweep sweep(6);
  sweep.replaced_after_loads = 5;  // in the third block, after loading its first contender and before its second
  EXPECT_THROW(sweep.run(), Error);
  const RunData kept = read_run(sweep.path());
  EXPECT_EQ(kept.trials.size(), 2U + 2U * 2U);
  sweep.replaced_after_loads = SimulatedSweep::kNever;
  EXPECT_TRUE(sweep.run());
  EXPECT_EQ(sweep.data().trials.size(), sweep.data().info.planned_trials);
}

TEST(SweepBlocks, RepeatsAreBounded) {
  SimulatedSweep sweep(5);
  sweep.experiment.measure.repeat_disturbed = 3;
  sweep.machine.loaded_from = 2;  // and never ends
  ASSERT_TRUE(sweep.run());
  EXPECT_EQ(ids_of(sweep.data()).size(), 2U + 5U * 2U * 4U);
  EXPECT_EQ(sweep.data().trials.size(), 12U);
}

// Stopped after every possible number of rows, even during repeats: no planned trial is lost or done twice.
TEST(SweepBlocks, AStoppedSweepGoesOnWhereItWas) {
  const auto prepare = [](SimulatedSweep& sweep) {
    sweep.experiment.measure.repeat_disturbed = 2;
    sweep.machine.loaded_from = SimulatedSweep::trials_before_block(1) + 1;
    sweep.machine.loaded_until = sweep.machine.loaded_from + 6;
  };
  SimulatedSweep whole(6);
  prepare(whole);
  ASSERT_TRUE(whole.run());
  const auto expected = ids_of(whole.data());
  ASSERT_GT(whole.data().replaced.size(), 2U);
  for (int stop = 0; stop < static_cast<int>(expected.size()); ++stop) {
    SimulatedSweep parts(6);
    prepare(parts);
    // A row may wait for its block's baseline. The last two rows come together, and then there is nothing left to
    // stop.
    EXPECT_TRUE(!parts.run(stop) || stop + 1 == static_cast<int>(expected.size())) << stop;
    ASSERT_TRUE(parts.run()) << stop;
    // Loading again adds a warm-up, so the disturbance affects other rows: attempts may differ, but trials may not.
    std::set<std::string> trials;
    for (const auto& [id, attempt] : ids_of(parts.data())) trials.insert(id);
    EXPECT_EQ(trials.size(), parts.data().info.planned_trials) << stop;
    EXPECT_EQ(parts.data().trials.size(), parts.data().info.planned_trials) << stop;
  }
}

TEST(SweepBlocks, ShardsTogetherAreTheWholePlan) {
  std::set<std::string> seen;
  for (std::int32_t index = 1; index <= 3; ++index) {
    SimulatedSweep sweep(7, 7);
    sweep.shard = {index, 3};
    ASSERT_TRUE(sweep.run());
    EXPECT_EQ(sweep.data().trials.size(), sweep.data().info.planned_trials);
    EXPECT_EQ(read_run(sweep.path()).info.shard, sweep.shard);
    for (const TrialRecord& row : sweep.data().trials) EXPECT_TRUE(seen.insert(row.id).second) << row.id;
  }
  SimulatedSweep whole(7, 7);
  EXPECT_EQ(seen.size(), make_plan(whole.experiment).size());
}

TEST(SweepBlocks, EachHasProcessesOfItsOwn) {
  SimulatedSweep sweep(9, 2);
  ASSERT_TRUE(sweep.run());
  EXPECT_EQ(sweep.machine.loads, 2 * 2 * 5);  // the first block shares its processes with the warm-ups
  for (const TrialRecord* row : sweep.trials_of("other")) {
    const int warm_ups = row->warm_up() ? 0 : 1;  // plus the warm-up of the new process
    EXPECT_EQ(row->outcome.trials_since_load, warm_ups) << row->id;
  }

  SimulatedSweep kept(9, 2);
  kept.experiment.measure.fresh_processes = false;
  ASSERT_TRUE(kept.run());
  EXPECT_EQ(kept.machine.loads, 2);
}

TEST(SweepBlocks, ARepeatedBlockKeepsItsProcesses) {
  SimulatedSweep sweep(4);
  sweep.machine.loaded_from = SimulatedSweep::trials_before_block(1);
  sweep.machine.loaded_until = SimulatedSweep::trials_before_block(2);
  ASSERT_TRUE(sweep.run());
  EXPECT_FALSE(sweep.data().replaced.empty());
  EXPECT_EQ(sweep.machine.loads, 2 * 5);
}

TEST(SweepRows, WhatFitsOnlyAloneIsTriedAloneAndSaysSo) {
  SimulatedSweep sweep(7);
  sweep.machine.room = 1;
  EXPECT_TRUE(sweep.run());
  int notes = 0;
  for (const TrialRecord& trial : sweep.data().trials) {
    EXPECT_TRUE(trial.ok()) << trial.id << ": " << trial.outcome.error;
    if (trial.outcome.note.find("tried again alone") != std::string::npos) ++notes;
  }
  EXPECT_GT(notes, 0);
  SimulatedSweep none(7);
  none.machine.room = 0;
  EXPECT_TRUE(none.run());
  for (const TrialRecord& trial : none.data().trials) EXPECT_FALSE(trial.ok());
  EXPECT_EQ(none.data().trials.front().outcome.status, TrialStatus::kOom);
  EXPECT_EQ(none.data().trials.front().outcome.note, "") << "there was no other";
}

TEST(SweepRows, TellTheFirstForwardAfterTheLoad) {
  SimulatedSweep sweep(8);
  sweep.experiment.measure.fresh_processes = false;
  ASSERT_TRUE(sweep.run());
  const auto rows = sweep.trials_of("other");
  ASSERT_TRUE(rows.front()->warm_up());
  for (const TrialRecord* row : rows) {
    EXPECT_EQ(row->load.first_forward_ms, rows.front()->outcome.metrics->ttft_ms);
  }
}

}  // namespace
}  // namespace inferbench
