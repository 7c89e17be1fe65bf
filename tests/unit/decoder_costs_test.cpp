// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include "inferbench/decoder.hpp"

namespace inferbench::decoder {
namespace {

// GPT-2 124M: 12 layers of 12 x 768^2 weights each, a head of 50257 x 768.
constexpr Shape kGpt2{12, 768, 3072, 50257, 768, 768, false};
// Llama-3.2-1B: 32 heads and 8 key-value heads of 64.
constexpr Shape kLlama{16, 2048, 8192, 128256, 2048, 512, true};

TEST(DecoderCosts, WeightsAreThoseOfThePublishedModels) {
  EXPECT_EQ(linear_weights_per_layer(kGpt2), 12.0 * 768 * 768);
  EXPECT_EQ(linear_weights(kGpt2), 84934656.0);
  EXPECT_EQ(head_weights(kGpt2), 38597376.0);
  // 1,235,814,400 parameters less the norms (33 of 2048), whose embedding is also the head.
  EXPECT_EQ(linear_weights(kLlama) + head_weights(kLlama), 1235814400.0 - 33 * 2048);
}

TEST(DecoderCosts, CausalAttentionSeesItselfAndWhatCameBefore) {
  EXPECT_EQ(attended_pairs(0, 1), 1);
  EXPECT_EQ(attended_pairs(0, 4), 1 + 2 + 3 + 4);
  EXPECT_EQ(attended_pairs(10, 3), 11 + 12 + 13);
  EXPECT_EQ(attention_operations(kGpt2, 1), 4 * 768);
}

TEST(DecoderCosts, APrefillInPartsCostsAsMuchExceptForItsHeads) {
  const double at_once = prefill_operations(kLlama, 100, 0);
  const double in_parts = prefill_operations(kLlama, 60, 0) + prefill_operations(kLlama, 40, 60);
  EXPECT_DOUBLE_EQ(in_parts - at_once, kOpsPerWeight * head_weights(kLlama));
}

TEST(DecoderCosts, GroupedHeadsShareTheirCache) {
  EXPECT_EQ(kv_values_per_token(kGpt2), 2.0 * 12 * 768);
  EXPECT_EQ(kv_values_per_token(kLlama), 2.0 * 16 * 512);
}

}  // namespace
}  // namespace inferbench::decoder
