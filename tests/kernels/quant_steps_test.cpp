// SPDX-License-Identifier: Apache-2.0
// The steps of a pass: work on one row follows a step and is never lost; items of work on rows cover all rows.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <engine/steps.hpp>
#include <string>
#include <utility>
#include <vector>

namespace inferbench::cpu_quant {
namespace {

using Work = std::vector<std::pair<Op, std::int32_t>>;

Work work_after(const StepList& steps, std::uint32_t i) {
  Work all;
  for (const RowWork& work : steps.row_work_after(steps[i])) all.emplace_back(work.op, work.layer);
  return all;
}

TEST(QuantSteps, WorkOnManyRowsIsAStep) {
  StepList steps(1);
  steps.add(Op::Attention, 0, 40, 12);
  steps.add_row_work({Op::NormMlp, 0}, 40);
  ASSERT_EQ(steps.size(), 2U);
  EXPECT_EQ(steps[1].op, Op::NormMlp);
  EXPECT_EQ(steps[1].rows, 40);
  EXPECT_EQ(steps[1].n_items, static_cast<std::uint32_t>(n_row_items(40)));
  EXPECT_TRUE(work_after(steps, 0).empty());
}

TEST(QuantSteps, WorkOnOneRowFollowsTheStepBefore) {
  StepList steps(1);
  steps.add(Op::Attention, 3, 1, 12);
  steps.add_row_work({Op::QuantizeAttention, 3}, 1);
  EXPECT_EQ(steps.size(), 1U);
  EXPECT_EQ(work_after(steps, 0), (Work{{Op::QuantizeAttention, 3}}));
}

TEST(QuantSteps, TwoInARowAreBothKeptInOrder) {
  StepList steps(1);
  steps.add(Op::Down, 0, 1, 4);
  steps.add_row_work({Op::NormHead, -1}, 1);
  steps.add_row_work({Op::QuantizeAttention, 0}, 1);
  steps.add(Op::Head, -1, 1, 9);
  steps.add_row_work({Op::NormMlp, 1}, 1);
  ASSERT_EQ(steps.size(), 2U);
  EXPECT_EQ(work_after(steps, 0), (Work{{Op::NormHead, -1}, {Op::QuantizeAttention, 0}}));
  EXPECT_EQ(work_after(steps, 1), (Work{{Op::NormMlp, 1}}));
}

TEST(QuantSteps, TheFirstIsAStepWhateverItsRows) {
  StepList steps(1);
  steps.add_row_work({Op::Embed, -1}, 1);
  steps.add_row_work({Op::NormAttention, 0}, 1);
  ASSERT_EQ(steps.size(), 1U);
  EXPECT_EQ(steps[0].op, Op::Embed);
  EXPECT_EQ(steps[0].n_items, 1U);
  EXPECT_EQ(work_after(steps, 0), (Work{{Op::NormAttention, 0}}));
}

TEST(QuantSteps, ClearForgetsAll) {
  StepList steps(1);
  steps.add_row_work({Op::Embed, -1}, 1);
  steps.add_row_work({Op::NormAttention, 0}, 1);
  steps.clear();
  steps.add(Op::Qkv, 0, 1, 2);
  ASSERT_EQ(steps.size(), 1U);
  EXPECT_TRUE(work_after(steps, 0).empty());
  EXPECT_EQ(steps.index_of(steps.back()), 0U);
}

TEST(QuantSteps, RowItemsCoverAllRowsOnce) {
  for (std::int32_t rows = 1; rows <= 600; ++rows) {
    const auto n_items = static_cast<std::uint32_t>(n_row_items(rows));
    std::int32_t next = 0;
    for (std::uint32_t item = 0; item < n_items; ++item) {
      const RowRange range = row_item(rows, n_items, item);
      ASSERT_EQ(range.begin, next) << rows;
      ASSERT_LE(range.begin, range.end);
      next = range.end;
    }
    ASSERT_EQ(next, rows);
  }
}

TEST(QuantSteps, OperationsHaveDifferentNames) {
  std::vector<std::string> names;
  for (auto op = static_cast<std::int32_t>(Op::Embed); op <= static_cast<std::int32_t>(Op::Head); ++op) {
    const std::string name = operation_name(static_cast<Op>(op));
    EXPECT_FALSE(name.empty()) << op;
    EXPECT_EQ(std::count(names.begin(), names.end(), name), 0) << name;
    names.push_back(name);
  }
}

}  // namespace
}  // namespace inferbench::cpu_quant
