// SPDX-License-Identifier: Apache-2.0
// However tokens are fed (in pieces, in batches, after a rewind), a sequence's logits are its own.
#include "conformance/harness.hpp"

namespace inferbench::conformance {
namespace {

constexpr std::int32_t kContext = 128;

std::vector<std::int32_t> part(const std::vector<std::int32_t>& ids, std::size_t begin, std::size_t end) {
  return {ids.begin() + static_cast<std::ptrdiff_t>(begin), ids.begin() + static_cast<std::ptrdiff_t>(end)};
}

TEST(Sequences, ChunkedPrefillEqualsWhole) {
  const BackendSession session(make_model(), 1, kContext);
  const auto ids = tokens(kContext);
  const auto whole = session.all_logits(0, ids);
  for (const std::size_t chunk : {1U, 2U, 7U, 31U, 32U, 33U, 127U}) {
    session.truncate(0, 0);
    std::vector<float> joined;
    for (std::size_t begin = 0; begin < ids.size(); begin += chunk) {
      const auto piece = session.all_logits(0, part(ids, begin, std::min(begin + chunk, ids.size())));
      joined.insert(joined.end(), piece.begin(), piece.end());
    }
    expect_near(whole, joined, "chunks of " + std::to_string(chunk));
  }
}

TEST(Sequences, AnEarlierTokenDoesNotSeeALaterOne) {
  const BackendSession session(make_model(), 1, kContext);
  auto ids = tokens(60);
  const auto first = session.all_logits(0, ids);
  session.truncate(0, 0);
  ids[40] = (ids[40] + 1) % tiny().config().vocab;
  const auto second = session.all_logits(0, ids);
  for (std::size_t row = 0; row < 40; ++row) {
    expect_same(row_of(first, row), row_of(second, row), "row " + std::to_string(row));
  }
  EXPECT_NE(row_of(first, 40), row_of(second, 40));
}

TEST(Sequences, BatchRowsDoNotInfluenceEachOther) {
  const BackendSession session(make_model(), 4, kContext);
  std::vector<float> first;
  for (std::uint32_t others = 0; others < 3; ++others) {
    Batch batch;
    for (std::int32_t slot = 0; slot < 4; ++slot) {
      batch.add(slot, tokens(21, slot == 2 ? 7 : 100 + 4 * others + static_cast<std::uint32_t>(slot)));
    }
    const auto logits = batch.logits(session, IB_OUTPUT_LAST_LOGITS);
    if (others == 0) first = row_of(logits, 2);
    expect_same(first, row_of(logits, 2), "slot 2 beside other tokens");
    for (std::int32_t slot = 0; slot < 4; ++slot) session.truncate(slot, 0);
  }
  expect_near(session.last_logits(0, tokens(21, 7)), first, "alone and in a batch");
}

TEST(Sequences, RaggedBatchesEqualSequencesAlone) {
  const std::vector<std::size_t> past = {0, 40, 3, 0, 90};
  const std::vector<std::size_t> fresh = {64, 1, 33, 1, 12};
  const BackendModel model = make_model();
  const BackendSession batched(model, 5, kContext);
  const BackendSession alone(model, 1, kContext);
  Batch before;
  Batch batch;
  std::vector<float> expected;
  for (const std::size_t s : {3U, 1U, 0U, 4U, 2U}) {  // slots in no order
    const auto ids = tokens(past[s] + fresh[s], static_cast<std::uint32_t>(s));
    if (past[s] > 0) before.add(static_cast<std::int32_t>(s), part(ids, 0, past[s]));
    batch.add(static_cast<std::int32_t>(s), part(ids, past[s], ids.size()));
    const auto all = alone.all_logits(0, ids);
    const auto begin = all.begin() + static_cast<std::ptrdiff_t>(past[s] * all.size() / ids.size());
    expected.insert(expected.end(), begin, all.end());
    alone.truncate(0, 0);
  }
  before.advance(batched);
  expect_near(expected, batch.logits(batched, IB_OUTPUT_ALL_LOGITS), "ragged batch");
}

TEST(Sequences, BatchOutputsComeInTheOrderOfTheCall) {
  const BackendSession session(make_model(), 40, kContext);
  Batch batch;
  for (std::int32_t slot = 39; slot >= 0; --slot) batch.add(slot, tokens(1 + static_cast<std::size_t>(slot), 5));
  const auto last = batch.logits(session, IB_OUTPUT_LAST_LOGITS);
  for (std::int32_t slot = 0; slot < 40; ++slot) session.truncate(slot, 0);
  const auto ids = batch.greedy(session);
  session.truncate(0, 0);
  const auto all = session.all_logits(0, tokens(40, 5));  // the longest; the others are its beginnings
  for (std::size_t i = 0; i < 40; ++i) {
    const auto row = row_of(last, i);
    expect_near(row_of(all, 39 - i), row, "sequence " + std::to_string(i));
    EXPECT_EQ(ids[i], std::max_element(row.begin(), row.end()) - row.begin()) << "sequence " << i;
  }
}

TEST(Sequences, SlotsAreIndependent) {
  const BackendSession session(make_model(), 3, kContext);
  const auto ids = tokens(50, 3);
  const auto whole = session.all_logits(1, ids);
  session.truncate(1, 0);
  std::vector<float> joined = session.all_logits(1, part(ids, 0, 20));
  session.all_logits(0, tokens(77, 8));
  session.all_logits(2, tokens(128, 9));
  session.truncate(0, 5);
  const auto middle = session.all_logits(1, part(ids, 20, 45));
  session.truncate(2, 0);
  session.all_logits(2, tokens(100, 10));
  const auto end = session.all_logits(1, part(ids, 45, 50));
  joined.insert(joined.end(), middle.begin(), middle.end());
  joined.insert(joined.end(), end.begin(), end.end());
  expect_near(whole, joined, "slot 1 while its neighbours came and went");
}

TEST(Sequences, TruncateRepeatsBitForBit) {
  const BackendModel model = make_model();
  const BackendSession session(model, 1, kContext);
  const auto ids = tokens(90, 4);
  for (const std::size_t keep : {0U, 1U, 17U, 32U, 63U}) {
    session.truncate(0, 0);
    if (keep > 0) session.all_logits(0, part(ids, 0, keep));
    const auto first = session.all_logits(0, part(ids, keep, 90));
    session.truncate(0, static_cast<std::int32_t>(keep));
    session.all_logits(0, tokens(38, 99));  // other tokens in the same positions
    session.truncate(0, static_cast<std::int32_t>(keep));
    expect_same(first, session.all_logits(0, part(ids, keep, 90)), "after keeping " + std::to_string(keep));
    const BackendSession fresh(model, 1, kContext);
    if (keep > 0) fresh.all_logits(0, part(ids, 0, keep));
    expect_same(first, fresh.all_logits(0, part(ids, keep, 90)), "in a session that never saw the rest");
  }
}

TEST(Sequences, TheSameCallsGiveTheSameBits) {
  for (const std::int32_t n_threads : {1, 2, 3}) {
    std::vector<float> first;
    for (int repeat = 0; repeat < 3; ++repeat) {
      const BackendSession session(make_model(n_threads), 1, kContext);
      const auto logits = session.all_logits(0, tokens(70));
      if (repeat == 0) first = logits;
      expect_same(first, logits, std::to_string(n_threads) + " threads, repeat " + std::to_string(repeat));
    }
  }
}

TEST(Sequences, ASlotTakesExactlyMaxTokens) {
  for (const std::int32_t max_tokens : {1, 33, kContext}) {
    const BackendSession session(make_model(), 2, max_tokens);
    const BackendSession roomy(make_model(), 1, kContext);
    const auto ids = tokens(static_cast<std::size_t>(max_tokens));
    expect_near(roomy.all_logits(0, ids), session.all_logits(1, ids), std::to_string(max_tokens) + " positions");
    EXPECT_THROW(session.greedy(1, std::vector{1}), BackendError);
  }
}

}  // namespace
}  // namespace inferbench::conformance
