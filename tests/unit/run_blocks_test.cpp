// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>

#include <string>
#include <vector>

#include "run/blocks.hpp"

namespace inferbench {
namespace {

using testing::ElementsAre;

/// Two measurements per block. Logs each measurement as "block.attempt.item".
class ScriptedPoint : public BlockedPoint {
 public:
  std::int32_t blocks = 2;
  std::vector<bool> disturbed_attempts;  ///< one value per attempt, in order
  std::size_t fails = 99;                ///< this item fails in its first attempt
  int stop_after = 99;                   ///< number of measurements
  std::int32_t begun_attempts = 0;
  std::vector<std::string> log;

  bool wants_block(std::int32_t block) override { return block < blocks; }
  std::size_t begin_block(std::int32_t block) override {
    block_ = block;
    failed_ = false;
    return 2;
  }
  void end_block(std::int32_t block) override { log.push_back("end " + std::to_string(block)); }
  bool begun(std::int32_t attempt) const override { return attempt <= begun_attempts; }
  bool disturbed() const override {
    return attempts_ <= disturbed_attempts.size() && disturbed_attempts[attempts_ - 1];
  }
  bool due(std::size_t item, std::int32_t /*attempt*/) const override { return !(item == fails && failed_); }
  bool prepare(std::int32_t attempt) override {
    ++attempts_;
    log.push_back("prepare " + std::to_string(attempt));
    return true;
  }
  bool measure(std::size_t item, std::int32_t attempt) override {
    if (stop_after-- <= 0) return false;
    failed_ = failed_ || item == fails;
    log.push_back(std::to_string(block_) + "." + std::to_string(attempt) + "." + std::to_string(item));
    return true;
  }

 private:
  std::int32_t block_ = 0;
  std::size_t attempts_ = 0;
  bool failed_ = false;
};

TEST(RunBlocks, MeasuresEachBlockOnce) {
  ScriptedPoint point;
  EXPECT_TRUE(run_blocks(point, 3));
  EXPECT_THAT(point.log, ElementsAre("prepare 0", "0.0.0", "0.0.1", "end 0", "prepare 0", "1.0.0", "1.0.1", "end 1"));
}

TEST(RunBlocks, RepeatsTheEntireBlockUntilNothingDisturbsIt) {
  ScriptedPoint point;
  point.blocks = 1;
  point.disturbed_attempts = {true, true, false};
  EXPECT_TRUE(run_blocks(point, 3));
  EXPECT_THAT(point.log, ElementsAre("prepare 0", "0.0.0", "0.0.1", "prepare 1", "0.1.0", "0.1.1", "prepare 2", "0.2.0",
                                     "0.2.1", "end 0"));
}

TEST(RunBlocks, RepeatsAtMostAsOftenAsTold) {
  ScriptedPoint point;
  point.blocks = 1;
  point.disturbed_attempts = {true, true, true};
  EXPECT_TRUE(run_blocks(point, 1));
  EXPECT_THAT(point.log, ElementsAre("prepare 0", "0.0.0", "0.0.1", "prepare 1", "0.1.0", "0.1.1", "end 0"));
}

TEST(RunBlocks, WhatFailedIsNotTriedAgain) {
  ScriptedPoint point;
  point.blocks = 1;
  point.disturbed_attempts = {true, false};
  point.fails = 1;
  EXPECT_TRUE(run_blocks(point, 3));
  EXPECT_THAT(point.log, ElementsAre("prepare 0", "0.0.0", "0.0.1", "prepare 1", "0.1.0", "end 0"));
}

TEST(RunBlocks, FinishesAnAttemptThatAnInterruptedRunStarted) {
  ScriptedPoint point;
  point.blocks = 1;
  point.begun_attempts = 1;
  EXPECT_TRUE(run_blocks(point, 3));
  EXPECT_THAT(point.log, ElementsAre("prepare 0", "0.0.0", "0.0.1", "prepare 1", "0.1.0", "0.1.1", "end 0"));
}

TEST(RunBlocks, StopsBetweenTwoMeasurements) {
  ScriptedPoint point;
  point.stop_after = 3;
  EXPECT_FALSE(run_blocks(point, 3));
  EXPECT_THAT(point.log, ElementsAre("prepare 0", "0.0.0", "0.0.1", "end 0", "prepare 0", "1.0.0"));
}

}  // namespace
}  // namespace inferbench
