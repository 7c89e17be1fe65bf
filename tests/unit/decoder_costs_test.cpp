// SPDX-License-Identifier: Apache-2.0
// decoder.hpp: weights, operations and cache of a decoder.
#include <gtest/gtest.h>

#include <algorithm>

#include "inferbench/decoder.hpp"
#include "published_models.hpp"

namespace inferbench::decoder {
namespace {

class DecoderCosts : public ::testing::Test {
 protected:
  const ModelConfig gpt2_config_ = gpt2_config();
  const ib_model_desc gpt2_ = model_desc(gpt2_config_);
  const ModelConfig llama_config_ = config_of(kLlama1b);
  const ib_model_desc llama_ = model_desc(llama_config_);
};

TEST_F(DecoderCosts, WeightsAreThoseOfThePublishedModels) {
  EXPECT_EQ(linear_weights_per_layer(gpt2_), 12.0 * 768 * 768);
  EXPECT_EQ(linear_weights(gpt2_), 84934656.0);
  EXPECT_EQ(head_weights(gpt2_), 38597376.0);
  // All parameters but the norms (33 of 2048); the embedding is also the head.
  EXPECT_EQ(linear_weights(llama_) + head_weights(llama_), 1235814400.0 - 33 * 2048);
}

TEST_F(DecoderCosts, LinearWeightsAreTheSumOfTheirTensors) {
  for (const PublishedModel& model : kPublishedModels) {
    const ModelConfig config = config_of(model);
    const ib_model_desc desc = model_desc(config);
    double sum = 0;
    for (const TensorSpec& spec : tensors(desc)) {
      if (spec.role == TensorRole::kLinearWeight) sum += static_cast<double>(spec.n_elements());
    }
    EXPECT_EQ(linear_weights(desc), sum) << model.name;
  }
}

TEST_F(DecoderCosts, CausalAttentionSeesItselfAndWhatCameBefore) {
  EXPECT_EQ(attended_pairs(0, 1), 1);
  EXPECT_EQ(attended_pairs(0, 4), 1 + 2 + 3 + 4);
  EXPECT_EQ(attended_pairs(10, 3), 11 + 12 + 13);
  EXPECT_EQ(attention_operations(gpt2_, 1), 4 * 768);
  EXPECT_EQ(attention_operations(llama_, 1), 4 * 2048);  // every query head has its own product with a shared key
}

TEST_F(DecoderCosts, WindowsAreCountedTokenByToken) {
  for (int past = 0; past <= 12; ++past) {
    for (int n = 1; n <= 12; ++n) {
      for (int window = 0; window <= 14; ++window) {
        int pairs = 0;
        for (int i = 0; i < n; ++i) {
          const int seen = past + i + 1;
          pairs += window == 0 ? seen : std::min(seen, window);
        }
        EXPECT_EQ(attended_pairs(past, n, window), pairs) << past << " before, " << n << " new, window " << window;
      }
    }
  }
}

// Gemma 3: five layers of six see 512 positions, the sixth sees all.
TEST_F(DecoderCosts, EachLayerHasItsOwnWindow) {
  ModelConfig config = config_of(kGemma3, 512);
  for (std::size_t i = 5; i < config.layers.size(); i += 6) config.layers[i].window = 0;
  const ib_model_desc desc = model_desc(config);
  const double past = 2000;
  EXPECT_EQ(attended_pairs_of_layers(desc, past, 3), 22 * (3 * 512.0) + 4 * (2001.0 + 2002 + 2003));
  EXPECT_EQ(kv_values_read(desc, past), 2.0 * 256 * (22 * 512 + 4 * past));
  EXPECT_EQ(kv_values_read(desc, 100), 2.0 * 256 * 26 * 100);
  EXPECT_EQ(kv_values_per_token(desc), 2.0 * 26 * 256);  // the cache may hold all of them
}

TEST_F(DecoderCosts, APrefillInPartsCostsAsMuchExceptForItsHeads) {
  for (const std::int32_t window : {0, 50}) {
    const ModelConfig config = config_of(kLlama1b, window);
    const ib_model_desc desc = model_desc(config);
    const double at_once = prefill_operations(desc, 100, 0);
    const double in_parts = prefill_operations(desc, 60, 0) + prefill_operations(desc, 40, 60);
    EXPECT_DOUBLE_EQ(in_parts - at_once, kOpsPerWeight * head_weights(desc));
  }
}

TEST_F(DecoderCosts, APrefillIsProjectionsAttentionAndOneHead) {
  const double pairs = 16 * (512.0 * 513 / 2);
  EXPECT_EQ(prefill_operations(llama_, 512, 0),
            2 * linear_weights(llama_) * 512 + 4 * 2048 * pairs + 2 * head_weights(llama_));
}

TEST_F(DecoderCosts, GroupedHeadsShareTheirCache) {
  EXPECT_EQ(kv_values_per_token(gpt2_), 2.0 * 12 * 768);
  EXPECT_EQ(kv_values_per_token(llama_), 2.0 * 16 * 512);
  EXPECT_EQ(kv_values_read(llama_, 7), 7 * 2.0 * 16 * 512);
}

}  // namespace
}  // namespace inferbench::decoder
