// SPDX-License-Identifier: Apache-2.0
// The four outputs agree with each other and stay inside their buffers.
#include <algorithm>

#include "conformance/altered_weights.hpp"
#include "conformance/harness.hpp"
#include "support/test_paths.hpp"

namespace inferbench::conformance {
namespace {

constexpr std::int32_t kContext = 128;

TEST(Outputs, LastIsTheLastRowOfAll) {
  const BackendSession session(make_model(), 1, kContext);
  for (const std::size_t n : {1U, 2U, 13U, 32U, 100U}) {
    const auto ids = tokens(n);
    const auto all = session.all_logits(0, ids);
    session.truncate(0, 0);
    expect_near(row_of(all, n - 1), session.last_logits(0, ids), std::to_string(n) + " tokens");
    session.truncate(0, 0);
  }
}

TEST(Outputs, GreedyIsTheArgmax) {
  const BackendSession session(make_model(), 1, kContext);
  for (std::uint32_t seed = 0; seed < 20; ++seed) {
    const auto ids = tokens(1 + seed, seed);
    const auto logits = session.last_logits(0, ids);
    session.truncate(0, 0);
    EXPECT_EQ(session.greedy(0, ids), std::max_element(logits.begin(), logits.end()) - logits.begin());
    session.truncate(0, 0);
  }
}

TEST(Outputs, GreedyTakesTheLowestOfEqualIds) {
  const auto ids = tokens(9);
  const BackendSession plain(
      settings().create_model(BackendContext(plugin(), 2), Model::open("tiny-untied", test_paths::kData).weights()), 1,
      kContext);
  const std::int32_t winner = plain.greedy(0, ids);
  for (const std::int32_t low : {0, 3, 40}) {
    // The winner's row of the head also stands at a low and at the highest id.
    AlteredWeights altered("tiny-untied");
    altered.copy_row("lm_head.weight", winner, low);
    altered.copy_row("lm_head.weight", winner, tiny().config().vocab - 1);
    const RawModel model(altered.desc());
    EXPECT_EQ(model.greedy(ids), std::min(low, winner));
  }
}

TEST(Outputs, NoneOnlyAdvances) {
  const BackendSession session(make_model(), 1, kContext);
  const auto ids = tokens(30);
  const auto all = session.all_logits(0, ids);
  session.truncate(0, 0);
  Batch batch;
  batch.add(0, {ids.begin(), ids.end() - 1});
  batch.advance(session);
  expect_near(row_of(all, 29), session.last_logits(0, std::vector{ids.back()}), "after 29 tokens without output");
}

TEST(Outputs, NothingIsWrittenBeyondWhatWasAskedFor) {
  constexpr float kMark = -12345.5F;
  const BackendSession session(make_model(), 2, kContext);
  const auto vocab = static_cast<std::size_t>(tiny().config().vocab);
  Batch batch;
  batch.add(1, tokens(5, 1));
  batch.add(0, tokens(3, 2));
  for (const std::int32_t output : {IB_OUTPUT_NONE, IB_OUTPUT_LAST_LOGITS, IB_OUTPUT_ALL_LOGITS, IB_OUTPUT_GREEDY}) {
    std::vector<float> logits(9 * vocab, kMark);
    std::vector<std::int32_t> ids(4, -77);
    ib_forward_params call = batch.params();
    call.output = output;
    call.logits = logits.data();
    call.logits_capacity = logits.size();
    call.ids = ids.data();
    call.ids_capacity = ids.size();
    ib_error error;
    ASSERT_EQ(forward(session, call, error), IB_OK) << error.message;
    const std::size_t rows = output == IB_OUTPUT_ALL_LOGITS ? 8 : output == IB_OUTPUT_LAST_LOGITS ? 2 : 0;
    const std::size_t n_ids = output == IB_OUTPUT_GREEDY ? 2 : 0;
    const auto end = static_cast<std::ptrdiff_t>(rows * vocab);
    EXPECT_EQ(std::count(logits.begin(), logits.begin() + end, kMark), 0) << "output " << output;
    EXPECT_EQ(std::count(logits.begin() + end, logits.end(), kMark), logits.end() - logits.begin() - end);
    EXPECT_EQ(std::count(ids.begin(), ids.end(), -77), static_cast<std::ptrdiff_t>(4 - n_ids)) << "output " << output;
    for (const std::int32_t slot : {0, 1}) session.truncate(slot, 0);
  }
}

TEST(Outputs, ExactlyLargeEnoughBuffersSuffice) {
  const BackendSession session(make_model(), 1, kContext);
  const auto vocab = static_cast<std::size_t>(tiny().config().vocab);
  Batch batch;
  batch.add(0, tokens(4));
  std::vector<float> logits(4 * vocab);
  ib_forward_params call = batch.params();
  call.output = IB_OUTPUT_ALL_LOGITS;
  call.logits = logits.data();
  call.logits_capacity = 4 * vocab;
  ib_error error;
  EXPECT_EQ(forward(session, call, error), IB_OK) << error.message;
}

}  // namespace
}  // namespace inferbench::conformance
