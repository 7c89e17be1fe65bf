// SPDX-License-Identifier: Apache-2.0
// pass_plan.hpp: how the tokens of a forward call are laid out in passes, and where their outputs go; SlotLengths.
#include <gtest/gtest.h>

#include <cstdint>
#include <numeric>
#include <ostream>
#include <vector>

#include "inferbench/backend.hpp"

namespace inferbench {

bool operator==(const PassSegment& a, const PassSegment& b) {
  return a.slot == b.slot && a.first_row == b.first_row && a.n_rows == b.n_rows &&
         a.first_position == b.first_position && a.tokens == b.tokens;
}
void PrintTo(const PassSegment& segment, std::ostream* out) {
  *out << "slot " << segment.slot << " rows " << segment.first_row << "+" << segment.n_rows << " position "
       << segment.first_position;
}

bool operator==(const PassOutput& a, const PassOutput& b) {
  return a.row == b.row && a.greedy == b.greedy && a.index == b.index;
}
void PrintTo(const PassOutput& output, std::ostream* out) {
  *out << "row " << output.row << " to " << (output.greedy ? "id " : "logits ") << output.index;
}

namespace {

using Ints = std::vector<std::int32_t>;
using Segments = std::vector<PassSegment>;
using Outputs = std::vector<PassOutput>;

template <typename Span>
auto vector_of(const Span& span) {
  return std::vector(span.begin(), span.end());
}

/// A call of sequences with `lengths` tokens, for slots n-1 down to 0; all tokens differ. `outputs`: one per sequence.
struct PlannedCall {
  explicit PlannedCall(const Ints& lengths, std::int32_t output = IB_OUTPUT_LAST_LOGITS)
      : PlannedCall(lengths, Ints(lengths.size(), output)) {}
  PlannedCall(const Ints& lengths, const Ints& outputs)
      : tokens(static_cast<std::size_t>(std::accumulate(lengths.begin(), lengths.end(), 0))) {
    std::iota(tokens.begin(), tokens.end(), 100);
    const std::int32_t* next = tokens.data();
    auto slot = static_cast<std::int32_t>(lengths.size());
    for (std::size_t i = 0; i < lengths.size(); ++i) {
      sequences.push_back({--slot, lengths[i], next, outputs[i], 0});
      next += lengths[i];
    }
    params.struct_size = sizeof(params);
    params.sequences = sequences.data();
    params.n_sequences = static_cast<std::int32_t>(sequences.size());
  }
  PlannedCall(const PlannedCall&) = delete;
  PlannedCall& operator=(const PlannedCall&) = delete;

  Ints tokens;
  std::vector<ib_sequence> sequences;
  ib_forward_params params{};
};

constexpr SessionLimits kWide{4, 100, 400, 1000};

TEST(PassPlan, OneTokenOfOneSequence) {
  const PlannedCall call({1});
  const Ints held{7};
  PassPlan plan({1, 16, 16, 1000}, 8);
  plan.begin(call.params, held);
  ASSERT_TRUE(plan.next());
  EXPECT_EQ(plan.n_rows(), 1);
  EXPECT_EQ(vector_of(plan.segments()), (Segments{{0, 0, 1, 7, call.tokens.data()}}));
  EXPECT_EQ(vector_of(plan.tokens()), Ints{100});
  EXPECT_EQ(vector_of(plan.positions()), Ints{7});
  EXPECT_EQ(vector_of(plan.outputs()), (Outputs{{0, false, 0}}));
  EXPECT_EQ(vector_of(plan.output_rows()), Ints{0});
  EXPECT_FALSE(plan.next());
}

TEST(PassPlan, LongSequenceTakesSeveralPasses) {
  const PlannedCall call({5});
  const Ints held{3};
  PassPlan plan({1, 16, 16, 1000}, 2);
  plan.begin(call.params, held);
  EXPECT_EQ(plan.call_rows(), 5);
  const std::int32_t* tokens = call.tokens.data();
  const Segments expected{{0, 0, 2, 3, tokens}, {0, 0, 2, 5, tokens + 2}, {0, 0, 1, 7, tokens + 4}};
  for (std::size_t pass = 0; pass < 3; ++pass) {
    ASSERT_TRUE(plan.next());
    EXPECT_EQ(vector_of(plan.segments()), Segments{expected[pass]});
    EXPECT_EQ(plan.rows_before(), static_cast<std::int64_t>(2 * pass));
    EXPECT_EQ(vector_of(plan.outputs()), (pass == 2 ? Outputs{{0, false, 0}} : Outputs{}));
  }
  EXPECT_FALSE(plan.next());
}

// Two passes of four rows: the first two sequences and a row of the third, then the rest of that and the last.
TEST(PassPlan, RaggedBatchAcrossPasses) {
  const PlannedCall call({2, 1, 3, 2});
  const Ints held{0, 50, 9, 20};
  PassPlan plan(kWide, 4);
  plan.begin(call.params, held);
  const std::int32_t* tokens = call.tokens.data();
  ASSERT_TRUE(plan.next());
  EXPECT_EQ(vector_of(plan.segments()),
            (Segments{{3, 0, 2, 20, tokens}, {2, 2, 1, 9, tokens + 2}, {1, 3, 1, 50, tokens + 3}}));
  EXPECT_EQ(vector_of(plan.tokens()), (Ints{100, 101, 102, 103}));
  EXPECT_EQ(vector_of(plan.positions()), (Ints{20, 21, 9, 50}));
  EXPECT_EQ(vector_of(plan.outputs()), (Outputs{{1, false, 0}, {2, false, 1}}));
  EXPECT_EQ(vector_of(plan.output_rows()), (Ints{1, 2}));
  ASSERT_TRUE(plan.next());
  EXPECT_EQ(vector_of(plan.segments()), (Segments{{1, 0, 2, 51, tokens + 4}, {0, 2, 2, 0, tokens + 6}}));
  EXPECT_EQ(vector_of(plan.outputs()), (Outputs{{1, false, 2}, {3, false, 3}}));
  EXPECT_EQ(vector_of(plan.output_rows()), (Ints{1, 3}));
  EXPECT_EQ(plan.rows_before(), 4);
  EXPECT_FALSE(plan.next());
}

TEST(PassPlan, EveryOutputSaysItsRows) {
  const Ints held{0, 0};
  PassPlan plan({2, 8, 16, 1000}, 3);
  struct Expected {
    std::int32_t output;
    Outputs first_pass, second_pass;
  };
  const std::vector<Expected> all{
      {IB_OUTPUT_NONE, {}, {}},
      {IB_OUTPUT_LAST_LOGITS, {{1, false, 0}}, {{1, false, 1}}},
      {IB_OUTPUT_GREEDY, {{1, true, 0}}, {{1, true, 1}}},
      {IB_OUTPUT_ALL_LOGITS, {{0, false, 0}, {1, false, 1}, {2, false, 2}}, {{0, false, 3}, {1, false, 4}}}};
  for (const Expected& expected : all) {
    SCOPED_TRACE(expected.output);
    const PlannedCall call({2, 3}, expected.output);
    plan.begin(call.params, held);
    ASSERT_TRUE(plan.next());
    EXPECT_EQ(vector_of(plan.outputs()), expected.first_pass);
    ASSERT_TRUE(plan.next());
    EXPECT_EQ(vector_of(plan.outputs()), expected.second_pass);
    EXPECT_FALSE(plan.next());
  }
}

// A chunk of a prompt, two decoding sequences and one that wants all of its logits: rows of logits and ids are counted
// apart from each other, in the order of the call.
TEST(PassPlan, SequencesOfOneCallWantDifferentOutputs) {
  const PlannedCall call({3, 1, 2, 1}, Ints{IB_OUTPUT_NONE, IB_OUTPUT_GREEDY, IB_OUTPUT_ALL_LOGITS, IB_OUTPUT_GREEDY});
  const Ints held{5, 0, 8, 0};
  PassPlan whole(kWide, 8);
  whole.begin(call.params, held);
  ASSERT_TRUE(whole.next());
  EXPECT_EQ(vector_of(whole.outputs()), (Outputs{{3, true, 0}, {4, false, 0}, {5, false, 1}, {6, true, 1}}));
  EXPECT_EQ(vector_of(whole.output_rows()), (Ints{3, 4, 5, 6}));
  EXPECT_FALSE(whole.next());

  PassPlan cut(kWide, 5);  // between the two rows of logits
  cut.begin(call.params, held);
  ASSERT_TRUE(cut.next());
  EXPECT_EQ(vector_of(cut.outputs()), (Outputs{{3, true, 0}, {4, false, 0}}));
  ASSERT_TRUE(cut.next());
  EXPECT_EQ(vector_of(cut.outputs()), (Outputs{{0, false, 1}, {1, true, 1}}));
  EXPECT_FALSE(cut.next());
}

TEST(PassPlan, LongSegmentsAreCut) {
  const PlannedCall call({5, 2});
  const Ints held{0, 1};
  PassPlan plan({2, 8, 16, 1000}, 8, 2);
  plan.begin(call.params, held);
  const std::int32_t* tokens = call.tokens.data();
  ASSERT_TRUE(plan.next());
  EXPECT_EQ(
      vector_of(plan.segments()),
      (Segments{{1, 0, 2, 1, tokens}, {1, 2, 2, 3, tokens + 2}, {1, 4, 1, 5, tokens + 4}, {0, 5, 2, 0, tokens + 5}}));
  EXPECT_EQ(vector_of(plan.output_rows()), (Ints{4, 6}));
}

TEST(PassPlan, SizesAreBoundedByTheLimits) {
  const PassPlan by_pass({3, 100, 300, 10}, 8);
  EXPECT_EQ(by_pass.max_rows(), 8);
  EXPECT_EQ(by_pass.max_greedy(), 3);
  const PassPlan by_call({3, 100, 2, 10}, 8);
  EXPECT_EQ(by_call.max_rows(), 2);
  EXPECT_EQ(by_call.max_greedy(), 2);
  const PassPlan by_slots({3, 2, 300, 10}, 8);  // more than the slots hold is never fed
  EXPECT_EQ(by_slots.max_rows(), 6);
  const PassPlan huge({1 << 20, 1 << 20, std::int64_t{1} << 40, 10}, 512);
  EXPECT_EQ(huge.max_rows(), 512);
}

/// An output by the index of its token in the call; else like PassOutput.
struct OutputOfCall {
  std::int64_t token;
  bool greedy;
  std::int64_t index;
  bool operator==(const OutputOfCall&) const = default;
};
void PrintTo(const OutputOfCall& output, std::ostream* out) {
  *out << "token " << output.token << " to " << (output.greedy ? "id " : "logits ") << output.index;
}

/// As the ABI says it, without passes.
std::vector<OutputOfCall> expected_outputs(const PlannedCall& call) {
  std::vector<OutputOfCall> outputs;
  std::int64_t token = 0;
  std::int64_t n_rows = 0;
  std::int64_t n_ids = 0;
  for (const ib_sequence& sequence : call.sequences) {
    for (std::int32_t i = 0; i < sequence.n_tokens; ++i, ++token) {
      const bool last = i + 1 == sequence.n_tokens;
      const bool wants_row =
          sequence.output == IB_OUTPUT_ALL_LOGITS || (last && sequence.output == IB_OUTPUT_LAST_LOGITS);
      if (wants_row) outputs.push_back({token, false, n_rows++});
      if (last && sequence.output == IB_OUTPUT_GREEDY) outputs.push_back({token, true, n_ids++});
    }
  }
  return outputs;
}

// What must hold of any call: every token once and in order, every output once and at its place, no limit broken, and
// the memory of the constructor.
void expect_whole(const PlannedCall& call, const Ints& held, PassPlan& plan, std::int32_t max_rows, std::int32_t cap) {
  Ints fed, positions, expected_positions;
  std::vector<OutputOfCall> outputs;
  plan.begin(call.params, held);
  while (plan.next()) {
    EXPECT_LE(plan.n_rows(), max_rows);
    EXPECT_EQ(plan.rows_before(), static_cast<std::int64_t>(fed.size()));
    std::int32_t row = 0;
    for (const PassSegment& segment : plan.segments()) {
      EXPECT_EQ(segment.first_row, row);
      EXPECT_GE(segment.n_rows, 1);
      EXPECT_LE(segment.n_rows, cap);
      for (std::int32_t i = 0; i < segment.n_rows; ++i, ++row) {
        EXPECT_EQ(segment.tokens[i], plan.tokens()[static_cast<std::size_t>(row)]);
        EXPECT_EQ(segment.first_position + i, plan.positions()[static_cast<std::size_t>(row)]);
      }
    }
    EXPECT_EQ(row, plan.n_rows());
    Ints output_rows;
    std::int32_t n_greedy = 0;
    for (const PassOutput& output : plan.outputs()) {
      outputs.push_back({plan.rows_before() + output.row, output.greedy, output.index});
      output_rows.push_back(output.row);
      if (output.greedy) ++n_greedy;
    }
    EXPECT_EQ(vector_of(plan.output_rows()), output_rows);
    EXPECT_LE(n_greedy, plan.max_greedy());
    fed.insert(fed.end(), plan.tokens().begin(), plan.tokens().end());
    positions.insert(positions.end(), plan.positions().begin(), plan.positions().end());
  }
  for (const ib_sequence& sequence : call.sequences) {
    for (std::int32_t i = 0; i < sequence.n_tokens; ++i) {
      expected_positions.push_back(held[static_cast<std::size_t>(sequence.slot)] + i);
    }
  }
  EXPECT_EQ(fed, call.tokens);
  EXPECT_EQ(positions, expected_positions);
  EXPECT_EQ(outputs, expected_outputs(call));
  EXPECT_EQ(plan.call_rows(), static_cast<std::int64_t>(fed.size()));
}

/// Outputs for `n` sequences: all alike for 0 to 3, else a mix.
Ints outputs_of(std::int32_t kind, std::size_t n) {
  Ints outputs;
  for (std::size_t i = 0; i < n; ++i)
    outputs.push_back(kind < 4 ? kind : (kind + 3 * static_cast<std::int32_t>(i)) % 4);
  return outputs;
}

TEST(PassPlan, AnyCallIsFedWhole) {
  const Ints held{4, 0, 9, 1};
  const std::vector<Ints> batches{{1}, {7}, {1, 1, 1, 1}, {3, 1, 4}, {1, 9, 2, 6}, {12, 12, 12, 12}};
  for (const std::int32_t cap : {1, 2, 5, 100}) {
    for (const std::int32_t max_rows : {1, 2, 3, 7, 64}) {
      PassPlan plan(kWide, max_rows, cap);
      const PlannedCall first({1});
      plan.begin(first.params, held);
      plan.next();
      const auto* const segments = plan.segments().data();
      const auto* const tokens = plan.tokens().data();
      const auto* const outputs = plan.outputs().data();
      for (const Ints& lengths : batches) {
        for (std::int32_t kind = 0; kind < 8; ++kind) {
          const PlannedCall call(lengths, outputs_of(kind, lengths.size()));
          SCOPED_TRACE(testing::Message() << "rows " << max_rows << ", cap " << cap << ", outputs " << kind
                                          << ", lengths " << testing::PrintToString(lengths));
          expect_whole(call, held, plan, max_rows, cap);
          EXPECT_EQ(plan.segments().data(), segments) << "segments were reallocated";
          EXPECT_EQ(plan.tokens().data(), tokens) << "tokens were reallocated";
          EXPECT_EQ(plan.outputs().data(), outputs) << "outputs were reallocated";
        }
      }
    }
  }
}

TEST(PassPlan, BeginsAfreshInTheMiddleOfACall) {
  const Ints held{0, 0, 0, 0};
  PassPlan plan(kWide, 3);
  const PlannedCall cancelled({7, 7}, IB_OUTPUT_ALL_LOGITS);
  plan.begin(cancelled.params, held);
  plan.next();
  plan.next();
  const PlannedCall call({2, 4});
  expect_whole(call, held, plan, 3, 100);
}

TEST(PassPlan, RowsWithoutACall) {
  PassPlan plan({1, 20, 20, 10}, 5, 2);
  plan.begin_rows(5, 7);
  EXPECT_EQ(plan.n_rows(), 5);
  const std::int32_t* tokens = plan.tokens().data();
  EXPECT_EQ(vector_of(plan.segments()),
            (Segments{{0, 0, 2, 7, tokens}, {0, 2, 2, 9, tokens + 2}, {0, 4, 1, 11, tokens + 4}}));
  EXPECT_EQ(vector_of(plan.tokens()), Ints(5, 0));
  EXPECT_EQ(vector_of(plan.positions()), (Ints{7, 8, 9, 10, 11}));
  EXPECT_EQ(vector_of(plan.output_rows()), (Ints{0, 1, 2, 3, 4}));
  EXPECT_EQ(vector_of(plan.outputs()),
            (Outputs{{0, false, 0}, {1, false, 1}, {2, false, 2}, {3, false, 3}, {4, false, 4}}));
  EXPECT_EQ(plan.call_rows(), 5);
  plan.begin_rows(1, 0);
  EXPECT_EQ(vector_of(plan.segments()), (Segments{{0, 0, 1, 0, tokens}}));
}

TEST(PassPlan, OutputsOfOneKindComeInPartsOfALimitedLength) {
  PassPlan plan(kWide, 100);
  const Ints held{0, 0, 0, 0};
  const PlannedCall call({3, 1, 1, 2},
                         {IB_OUTPUT_ALL_LOGITS, IB_OUTPUT_GREEDY, IB_OUTPUT_GREEDY, IB_OUTPUT_ALL_LOGITS});
  plan.begin(call.params, held);
  ASSERT_TRUE(plan.next());
  Ints begins;
  Ints lengths;
  plan.for_alike_outputs(2, [&](std::span<const PassOutput> alike, std::size_t begin) {
    begins.push_back(static_cast<std::int32_t>(begin));
    lengths.push_back(static_cast<std::int32_t>(alike.size()));
    for (const PassOutput& output : alike) EXPECT_EQ(output.greedy, alike.front().greedy);
  });
  EXPECT_EQ(begins, (Ints{0, 2, 3, 5}));  // three rows of logits, two ids, two rows of logits
  EXPECT_EQ(lengths, (Ints{2, 1, 2, 2}));
}

TEST(SlotLengths, AreCheckedAdvancedAndTruncated) {
  SlotLengths lengths({2, 8, 16, 1000});
  EXPECT_EQ(vector_of(lengths.held()), (Ints{0, 0}));
  const PlannedCall call({5, 3}, IB_OUTPUT_NONE);  // slots 1 and 0
  EXPECT_EQ(lengths.check(call.params), 8);
  EXPECT_EQ(vector_of(lengths.held()), (Ints{0, 0}));  // not before the work is done
  lengths.advance(call.params);
  EXPECT_EQ(vector_of(lengths.held()), (Ints{3, 5}));
  EXPECT_THROW(lengths.check(call.params), Failure);  // 5 + 5 exceed 8
  EXPECT_THROW(lengths.truncate(0, 4), Failure);
  EXPECT_THROW(lengths.truncate(2, 0), Failure);
  lengths.truncate(1, 2);
  EXPECT_EQ(lengths[1], 2);
  EXPECT_EQ(lengths[0], 3);
  EXPECT_EQ(lengths.check(call.params), 8);
  EXPECT_EQ(lengths.limits().vocab_size, 1000);
}

}  // namespace
}  // namespace inferbench
