// SPDX-License-Identifier: Apache-2.0
// How the attention of a pass is cut into query tiles.
#include <gtest/gtest.h>

#include <cstdint>
#include <engine/batch.hpp>
#include <utility>
#include <vector>

namespace inferbench::cpu_quant {
namespace {

using Ints = std::vector<std::int32_t>;

/// A call with sequences of these lengths, for slots 0, 1, ...
struct BatchCall {
  BatchCall(const Ints& lengths, std::int32_t output) : tokens(1000, 0) {
    std::int32_t slot = 0;
    for (const std::int32_t n : lengths) sequences.push_back({slot++, n, tokens.data(), output, 0});
    params.struct_size = sizeof params;
    params.sequences = sequences.data();
    params.n_sequences = slot;
  }
  BatchCall(const BatchCall&) = delete;
  BatchCall& operator=(const BatchCall&) = delete;

  Ints tokens;
  std::vector<ib_sequence> sequences;
  ib_forward_params params{};
};

std::int32_t keys_of_tile(const Batch& batch, const QueryTile& tile) {
  return batch.pass().segments()[static_cast<std::size_t>(tile.segment)].first_position + tile.first_row + tile.n_rows;
}

/// Query tiles of each segment cover its rows once; those with the most keys come first.
void expect_tiles_cover(const Batch& batch, std::int32_t most_rows) {
  std::vector<Ints> covered;
  for (const PassSegment& segment : batch.pass().segments()) {
    covered.emplace_back(static_cast<std::size_t>(segment.n_rows), 0);
  }
  std::int32_t keys = INT32_MAX;
  for (const QueryTile& tile : batch.query_tiles()) {
    EXPECT_GE(tile.n_rows, 1);
    EXPECT_LE(tile.n_rows, most_rows);
    EXPECT_LE(keys_of_tile(batch, tile), keys);
    keys = keys_of_tile(batch, tile);
    for (std::int32_t i = 0; i < tile.n_rows; ++i) {
      ++covered[static_cast<std::size_t>(tile.segment)].at(static_cast<std::size_t>(tile.first_row + i));
    }
  }
  for (const Ints& segment : covered) EXPECT_EQ(segment, Ints(segment.size(), 1));
}

TEST(QuantBatch, QueryTilesCoverEveryRowOnce) {
  const Ints held{5, 0, 60, 2};
  for (const std::int32_t n_threads : {1, 2, 16}) {
    for (const std::int32_t most_rows : {48, 128}) {
      Batch batch({4, 300, 1200, 100}, 200, {most_rows, 12, n_threads});
      const auto* memory = static_cast<const QueryTile*>(nullptr);
      for (const Ints& lengths :
           {Ints{1}, Ints{1, 1, 1, 1}, Ints{200}, Ints{17, 1, 100, 3}, Ints{200, 200, 150, 250}}) {
        SCOPED_TRACE(testing::Message() << n_threads << " threads, " << testing::PrintToString(lengths));
        const BatchCall call(lengths, IB_OUTPUT_LAST_LOGITS);
        batch.begin(call.params, held);
        while (batch.next()) {
          expect_tiles_cover(batch, most_rows);
          EXPECT_EQ(batch.appends_first(), batch.query_tiles().size() > batch.pass().segments().size());
          if (memory == nullptr) memory = batch.query_tiles().data();
          EXPECT_EQ(batch.query_tiles().data(), memory) << "query tiles were reallocated";
        }
      }
    }
  }
}

TEST(QuantBatch, FewRowsAreOneTileEach) {
  const Ints held{7, 0};
  Batch batch({2, 64, 64, 100}, 64, {48, 2, 8});
  const BatchCall call({1, 1}, IB_OUTPUT_LAST_LOGITS);
  batch.begin(call.params, held);
  ASSERT_TRUE(batch.next());
  ASSERT_EQ(batch.query_tiles().size(), 2U);
  EXPECT_EQ(batch.query_tiles()[0].segment, 0);  // eight keys
  EXPECT_EQ(batch.query_tiles()[1].segment, 1);  // one
  EXPECT_FALSE(batch.appends_first());
  EXPECT_FALSE(batch.outputs_few());
}

TEST(QuantBatch, OutputTilesAreTheOutputRows) {
  const Ints held{0, 0, 0};
  Batch batch({3, 64, 192, 100}, 8, {48, 2, 1});
  const BatchCall call({3, 1, 7}, IB_OUTPUT_GREEDY);
  batch.begin(call.params, held);
  ASSERT_TRUE(batch.next());  // rows 0-2, 3 and 4-7
  EXPECT_TRUE(batch.outputs_few());
  ASSERT_EQ(batch.output_tiles().size(), 2U);
  EXPECT_EQ(batch.output_tiles()[0].segment, 0);
  EXPECT_EQ(batch.output_tiles()[0].first_row, 2);
  EXPECT_EQ(batch.output_tiles()[1].segment, 1);
  EXPECT_EQ(batch.output_tiles()[1].first_row, 0);
  ASSERT_TRUE(batch.next());  // the last three rows of the third sequence
  ASSERT_EQ(batch.output_tiles().size(), 1U);
  EXPECT_EQ(batch.output_tiles()[0].segment, 0);
  EXPECT_EQ(batch.output_tiles()[0].first_row, 2);
  EXPECT_EQ(batch.output_tiles()[0].n_rows, 1);
}

TEST(QuantBatch, OutputTilesOfNoOutputAndOfAll) {
  const Ints held{0};
  Batch batch({1, 64, 64, 100}, 8, {48, 2, 1});
  const BatchCall none({5}, IB_OUTPUT_NONE);
  batch.begin(none.params, held);
  ASSERT_TRUE(batch.next());
  EXPECT_TRUE(batch.outputs_few());
  EXPECT_TRUE(batch.output_tiles().empty());
  const BatchCall all({5}, IB_OUTPUT_ALL_LOGITS);
  batch.begin(all.params, held);
  ASSERT_TRUE(batch.next());
  EXPECT_FALSE(batch.outputs_few());
  EXPECT_TRUE(batch.output_tiles().empty());
}

TEST(QuantBatch, RowsOfAnOperatorArePlannedToo) {
  Batch batch({1, 250, 200, 1}, 200, {48, 12, 2});
  batch.begin_rows(200, 50);
  EXPECT_FALSE(batch.outputs_few());
  EXPECT_TRUE(batch.appends_first());
  expect_tiles_cover(batch, 48);
}

}  // namespace
}  // namespace inferbench::cpu_quant
