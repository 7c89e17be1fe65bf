// SPDX-License-Identifier: Apache-2.0
// Do blocks, pairing and verdicts tell the truth? Whole sweeps on simulated times, where the truth is known.
#include <gtest/gtest.h>

#include <algorithm>

#include "unit/simulated_sweep.hpp"

namespace inferbench {
namespace {

using test::SimulatedSweep;

bool covers(const SpeedRatio& ratio, double truth) {
  return ratio.interval && ratio.interval->low <= truth && truth <= ratio.interval->high;
}

TEST(SweepVerdicts, APlantedPercentIsSlowerAndInTheInterval) {
  constexpr int kRuns = 40;
  int slower = 0;
  int covered = 0;
  std::size_t blocks = 0;
  for (int i = 0; i < kRuns; ++i) {
    SimulatedSweep sweep(static_cast<std::uint64_t>(i) + 1);
    sweep.other_factor = 1.01;
    sweep.experiment.measure.until = Until{0.004, 100, 10};
    ASSERT_TRUE(sweep.run());
    const SpeedRatio ratio = sweep.ratio();
    slower += judge(ratio) == Verdict::kSlower ? 1 : 0;
    covered += covers(ratio, 1 / 1.01) ? 1 : 0;
    blocks += ratio.n;
  }
  EXPECT_GE(slower, 38);
  EXPECT_GE(covered, 35);  // 38 expected; stopping at narrow intervals costs a percent or two of the 95
  EXPECT_LE(blocks, kRuns * 40U) << "a run of reasonable length";
}

TEST(SweepVerdicts, TwoOfTheSameAreNotToldApart) {
  constexpr int kRuns = 100;
  int decode = 0;
  int prefill = 0;
  for (int i = 0; i < kRuns; ++i) {
    SimulatedSweep sweep(static_cast<std::uint64_t>(i) + 1000);
    sweep.machine.noise = 0.01;
    sweep.experiment.measure.until = Until{0.01, 30, 10};
    ASSERT_TRUE(sweep.run());
    const auto told_apart = [&](std::string_view metric) {
      const Verdict verdict = judge(sweep.ratio(metric));
      return verdict == Verdict::kFaster || verdict == Verdict::kSlower ? 1 : 0;
    };
    decode += told_apart("decode_tokens_per_s");
    prefill += told_apart("prefill_tokens_per_s");
  }
  EXPECT_LE(decode, 5);
  EXPECT_LE(prefill, 5);
}

// Two processes of one backend differ for good, by where their pages lie. Blocks in new processes see that as noise;
// blocks in the same two see it as a difference.
int told_apart_of_100(bool fresh_processes) {
  int told_apart = 0;
  for (int i = 0; i < 100; ++i) {
    SimulatedSweep sweep(static_cast<std::uint64_t>(i) + 3000);
    sweep.machine.noise = 0.003;
    sweep.machine.process_noise = 0.01;
    sweep.experiment.measure.fresh_processes = fresh_processes;
    sweep.experiment.measure.blocks = 10;
    EXPECT_TRUE(sweep.run());
    const Verdict verdict = judge(sweep.ratio());
    told_apart += verdict == Verdict::kFaster || verdict == Verdict::kSlower ? 1 : 0;
  }
  return told_apart;
}

TEST(SweepVerdicts, AProcessesOwnSpeedIsNoDifferenceOfBackends) {
  EXPECT_LE(told_apart_of_100(true), 5);
  EXPECT_GT(told_apart_of_100(false), 50);
}

struct Effect {
  double factor;
  Verdict verdict;
};

// Something else starts in the middle of a block (after the first of its two trials) and stays, or goes again.
TEST(SweepVerdicts, ALoadSwitchedOnHalfWayChangesNone) {
  for (const Effect& effect : {Effect{1.0, Verdict::kSame}, Effect{1.01, Verdict::kSlower},
                               Effect{0.8, Verdict::kFaster}, Effect{1.3, Verdict::kSlower}}) {
    for (int i = 0; i < 12; ++i) {
      SimulatedSweep sweep(static_cast<std::uint64_t>(i) + 2000);
      sweep.machine.noise = 0.003;
      sweep.other_factor = effect.factor;
      sweep.experiment.measure.blocks = 16;
      sweep.machine.loaded_from = SimulatedSweep::trials_before_block(8) + 2;
      // Blocks 8 and 9 with their repeats, and block 10: its repeat is quiet.
      if (i % 2 == 1) sweep.machine.loaded_until = sweep.machine.loaded_from + (2 + 2) + (4 + 2) + 4;
      ASSERT_TRUE(sweep.run());
      EXPECT_EQ(to_string(judge(sweep.ratio())), to_string(effect.verdict)) << effect.factor << " seed " << i;
      EXPECT_FALSE(sweep.data().replaced.empty());
    }
  }
}

// What the test above would not notice without repeats: half a pair from each of two machines.
TEST(SweepVerdicts, ATornBlockThatIsNotRepeatedBlursTheInterval) {
  SimulatedSweep sweep(7);
  sweep.machine.noise = 0.003;
  sweep.experiment.measure.blocks = 16;
  sweep.experiment.measure.repeat_disturbed = 0;
  sweep.machine.loaded_from = SimulatedSweep::trials_before_block(8) + 2;
  ASSERT_TRUE(sweep.run());
  EXPECT_TRUE(sweep.data().replaced.empty());
  EXPECT_GT(sweep.ratio().interval->high / sweep.ratio().interval->low, 1.05);
  const auto disturbed = std::count_if(sweep.data().trials.begin(), sweep.data().trials.end(),
                                       [](const TrialRecord& trial) { return trial.disturbed(); });
  EXPECT_EQ(disturbed, 2 * 7 + 1);  // flagged all the same
}

}  // namespace
}  // namespace inferbench
