// SPDX-License-Identifier: Apache-2.0
// What model_create makes of the caller's tensors is its own, whatever their order and what becomes of them.
#include <algorithm>
#include <cmath>

#include "conformance/altered_weights.hpp"
#include "conformance/harness.hpp"

namespace inferbench::conformance {
namespace {

class WeightsOf : public testing::TestWithParam<const char*> {};

TEST_P(WeightsOf, AreNotReadAfterModelCreate) {
  const auto ids = tokens(20);
  AlteredWeights weights(GetParam());
  const RawModel model(weights.desc());
  ASSERT_EQ(model.status(), IB_OK) << model.error().message;
  const auto expected = model.last_logits(ids);
  weights.overwrite(std::byte{0xff});
  expect_same(expected, model.last_logits(ids), "after the tensors were overwritten");
}

TEST_P(WeightsOf, MayComeInAnyOrder) {
  const auto ids = tokens(20);
  AlteredWeights weights(GetParam());
  const auto expected = RawModel(weights.desc()).last_logits(ids);
  std::reverse(weights.tensors().begin(), weights.tensors().end());
  expect_same(expected, RawModel(weights.desc()).last_logits(ids), "in reverse order");
}

INSTANTIATE_TEST_SUITE_P(Fixtures, WeightsOf, testing::Values("tiny", "tiny-f16", "tiny-bf16", "tiny-untied"));

TEST(Weights, EveryActivationDiffers) {
  const auto ids = tokens(20);
  std::vector<std::vector<float>> logits;
  for (const std::int32_t activation : {IB_ACTIVATION_GELU_TANH, IB_ACTIVATION_GELU_ERF, IB_ACTIVATION_RELU}) {
    AlteredWeights weights("tiny");
    weights.desc().activation = activation;
    const RawModel model(weights.desc());
    if (model.status() == IB_UNSUPPORTED) continue;
    logits.push_back(model.last_logits(ids));
    EXPECT_TRUE(std::all_of(logits.back().begin(), logits.back().end(), [](float x) { return std::isfinite(x); }));
  }
  for (std::size_t i = 0; i < logits.size(); ++i) {
    for (std::size_t j = 0; j < i; ++j) EXPECT_NE(logits[i], logits[j]);
  }
}

TEST(Weights, AttentionScalesAreHonoured) {
  const auto ids = tokens(20);
  std::vector<std::vector<float>> logits;
  for (const int flags : {0, 1, 2, 3}) {
    AlteredWeights weights("tiny");
    weights.desc().scale_attn_weights = flags & 1;
    weights.desc().scale_attn_by_inverse_layer = flags >> 1;
    const RawModel model(weights.desc());
    ASSERT_EQ(model.status(), IB_OK) << model.error().message;
    logits.push_back(model.last_logits(ids));
  }
  for (std::size_t i = 0; i < logits.size(); ++i) {
    for (std::size_t j = 0; j < i; ++j) EXPECT_NE(logits[i], logits[j]);
  }
}

}  // namespace
}  // namespace inferbench::conformance
