// SPDX-License-Identifier: Apache-2.0
// decoder.hpp: the tensors of a description, and the features that it needs.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <set>
#include <string>
#include <vector>

#include "inferbench/decoder.hpp"
#include "published_models.hpp"

namespace inferbench::decoder {
namespace {

using ::testing::ElementsAre;

/// "name [rows, columns]" of each.
std::vector<std::string> texts(const std::vector<TensorSpec>& specs) {
  std::vector<std::string> list;
  for (const TensorSpec& spec : specs) {
    std::string shape = std::to_string(spec.shape[0]);
    if (spec.rank == 2) shape += ", " + std::to_string(spec.shape[1]);
    list.push_back(spec.name + " [" + shape + "]");
  }
  return list;
}

double n_parameters(const ib_model_desc& desc) {
  double sum = 0;
  for (const TensorSpec& spec : tensors(desc)) sum += static_cast<double>(spec.n_elements());
  return sum;
}

TEST(DecoderTensors, OfGpt2) {
  ModelConfig config = gpt2_config();
  EXPECT_EQ(n_parameters(model_desc(config)), 124439808.0);  // as published
  EXPECT_EQ(tensors(model_desc(config)).size(), 2U + 12 * 16 + 2);
  set_gpt2_sizes(config, 2, 3, 12, 20, 50);
  EXPECT_THAT(
      texts(layer_tensors(model_desc(config), 1)),
      ElementsAre("layer.1.attn_norm.weight [12]", "layer.1.attn_norm.bias [12]", "layer.1.attn_q.weight [12, 12]",
                  "layer.1.attn_q.bias [12]", "layer.1.attn_k.weight [12, 12]", "layer.1.attn_k.bias [12]",
                  "layer.1.attn_v.weight [12, 12]", "layer.1.attn_v.bias [12]", "layer.1.attn_out.weight [12, 12]",
                  "layer.1.attn_out.bias [12]", "layer.1.mlp_norm.weight [12]", "layer.1.mlp_norm.bias [12]",
                  "layer.1.mlp_up.weight [48, 12]", "layer.1.mlp_up.bias [48]", "layer.1.mlp_down.weight [12, 48]",
                  "layer.1.mlp_down.bias [12]"));
  const std::vector<std::string> all = texts(tensors(model_desc(config)));
  EXPECT_EQ(all[0], "token_embedding.weight [50, 12]");
  EXPECT_EQ(all[1], "position_embedding.weight [20, 12]");
  EXPECT_EQ(all[2], "layer.0.attn_norm.weight [12]");
  EXPECT_EQ(all[2 + 32], "final_norm.weight [12]");
  EXPECT_EQ(all[2 + 33], "final_norm.bias [12]");
  EXPECT_EQ(all.size(), 36U);
}

// Grouped heads whose sizes do not add up to the hidden size, norms of queries, keys and results, no bias, a head of
// its own: each tensor has another shape.
TEST(DecoderTensors, OfADescriptionWithEverything) {
  const ModelConfig config = config_of({"x", 0, 1, 10, 6, 2, 4, 30, 50, false, false, true, true});
  EXPECT_THAT(
      texts(tensors(model_desc(config))),
      ElementsAre("token_embedding.weight [50, 10]", "layer.0.attn_norm.weight [10]", "layer.0.attn_q.weight [24, 10]",
                  "layer.0.attn_k.weight [8, 10]", "layer.0.attn_v.weight [8, 10]", "layer.0.attn_q_norm.weight [4]",
                  "layer.0.attn_k_norm.weight [4]", "layer.0.attn_out.weight [10, 24]",
                  "layer.0.attn_post_norm.weight [10]", "layer.0.mlp_norm.weight [10]",
                  "layer.0.mlp_gate.weight [30, 10]", "layer.0.mlp_up.weight [30, 10]",
                  "layer.0.mlp_down.weight [10, 30]", "layer.0.mlp_post_norm.weight [10]", "final_norm.weight [10]",
                  "head.weight [50, 10]"));
}

TEST(DecoderTensors, BiasesAreAskedForOneByOne) {
  ModelConfig config = config_of({"x", 0, 1, 10, 6, 2, 4, 30, 50, true, false, false, false});
  const auto biases = [&config] {
    std::vector<std::string> names;
    for (const TensorSpec& spec : tensors(model_desc(config))) {
      if (spec.role == TensorRole::kLinearBias) names.push_back(texts({spec})[0]);
    }
    return names;
  };
  EXPECT_THAT(biases(), ElementsAre());
  config.qkv_bias = true;
  EXPECT_THAT(biases(), ElementsAre("layer.0.attn_q.bias [24]", "layer.0.attn_k.bias [8]", "layer.0.attn_v.bias [8]"));
  config.qkv_bias = false;
  config.attn_out_bias = true;
  EXPECT_THAT(biases(), ElementsAre("layer.0.attn_out.bias [10]"));
  config.attn_out_bias = false;
  config.mlp_bias = true;
  EXPECT_THAT(biases(),
              ElementsAre("layer.0.mlp_gate.bias [30]", "layer.0.mlp_up.bias [30]", "layer.0.mlp_down.bias [10]"));
}

TEST(DecoderTensors, SayTheirLayerAndRole) {
  const ModelConfig config = gpt2_config();
  for (const TensorSpec& spec : tensors(model_desc(config))) {
    const std::string prefix = spec.layer < 0 ? "" : layer_tensor_name(spec.layer, "");
    EXPECT_TRUE(spec.name.starts_with(prefix)) << spec.name;
    EXPECT_EQ(spec.name.starts_with("layer."), spec.layer >= 0) << spec.name;
    const bool is_norm = spec.name.find("norm") != std::string::npos;
    const bool is_bias = spec.name.ends_with(".bias");
    if (spec.name.find("embedding") != std::string::npos) continue;
    const TensorRole weight = is_norm ? TensorRole::kNormWeight : TensorRole::kLinearWeight;
    const TensorRole bias = is_norm ? TensorRole::kNormBias : TensorRole::kLinearBias;
    EXPECT_EQ(spec.role, is_bias ? bias : weight) << spec.name;
  }
  EXPECT_EQ(tensors(model_desc(config))[0].role, TensorRole::kTokenEmbedding);
  EXPECT_EQ(tensors(model_desc(config))[1].role, TensorRole::kPositionEmbedding);
  const ModelConfig untied = config_of({"x", 0, 1, 8, 2, 2, 4, 8, 9, false, false, false, false});
  EXPECT_EQ(tensors(model_desc(untied)).back().role, TensorRole::kHead);
}

TEST(DecoderTensors, AddUpToThePublishedParameters) {
  for (const PublishedModel& model : kPublishedModels) {
    const ModelConfig config = config_of(model);
    EXPECT_EQ(n_parameters(model_desc(config)), model.n_parameters) << model.name;
  }
}

// ---- features ----

TEST(DecoderFeatures, EachHasOneNameAndOneBit) {
  std::uint64_t all = 0;
  std::set<std::string_view> names;
  for (const FeatureName& known : kFeatureNames) {
    EXPECT_TRUE(known.feature != 0 && (known.feature & (known.feature - 1)) == 0) << known.name;
    EXPECT_EQ(all & known.feature, 0U) << known.name;
    all |= known.feature;
    EXPECT_TRUE(names.insert(known.name).second) << known.name;
  }
  EXPECT_EQ(all, IB_FEATURES_GPT2 | IB_FEATURES_LLAMA | IB_FEATURES_GEMMA);
}

constexpr std::uint64_t kPlainGpt2 = IB_FEATURE_LAYER_NORM | IB_FEATURE_LEARNED_POSITIONS | IB_FEATURE_PLAIN_MLP |
                                     IB_FEATURE_LINEAR_BIAS | IB_FEATURE_GELU_TANH;

TEST(DecoderFeatures, OfThePublishedModels) {
  EXPECT_EQ(required_features(model_desc(gpt2_config())), kPlainGpt2);
  for (const PublishedModel& model : kPublishedModels) {
    const std::uint64_t needs = required_features(model_desc(config_of(model)));
    EXPECT_EQ(needs & ~(IB_FEATURES_LLAMA | IB_FEATURE_POST_NORM), 0U) << model.name;
    EXPECT_EQ((needs & IB_FEATURE_POST_NORM) != 0, model.post_norm) << model.name;
  }
  const std::uint64_t llama =
      IB_FEATURE_RMS_NORM | IB_FEATURE_ROTARY | IB_FEATURE_GROUPED_HEADS | IB_FEATURE_GATED_MLP | IB_FEATURE_SILU;
  EXPECT_EQ(required_features(model_desc(config_of(kLlama1b))), llama);
  EXPECT_EQ(required_features(model_desc(config_of(kGemma3))),
            llama | IB_FEATURE_FREE_HEAD_DIM | IB_FEATURE_QK_NORM | IB_FEATURE_POST_NORM);
}

TEST(DecoderFeatures, OneChangeOfADescriptionNeedsOneFeature) {
  struct Change {
    std::uint64_t removed, added;
    std::function<void(ModelConfig&)> apply;
  };
  const std::vector<Change> changes = {
      {IB_FEATURE_LAYER_NORM, IB_FEATURE_RMS_NORM, [](auto& c) { c.norm = IB_NORM_RMS; }},
      {IB_FEATURE_LEARNED_POSITIONS, 0, [](auto& c) { c.learned_positions = false; }},
      {0, IB_FEATURE_ROTARY, [](auto& c) { c.rotary_scales = {1}; }},
      {0, IB_FEATURE_GROUPED_HEADS, [](auto& c) { c.n_kv_heads = 3; }},
      {0, IB_FEATURE_FREE_HEAD_DIM, [](auto& c) { c.head_dim = 32; }},
      {IB_FEATURE_PLAIN_MLP, IB_FEATURE_GATED_MLP, [](auto& c) { c.gated = true; }},
      {IB_FEATURE_LINEAR_BIAS, 0, [](auto& c) { c.qkv_bias = c.attn_out_bias = c.mlp_bias = false; }},
      {0, 0, [](auto& c) { c.qkv_bias = c.attn_out_bias = false; }},
      {0, 0, [](auto& c) { c.qkv_bias = c.mlp_bias = false; }},
      {0, 0, [](auto& c) { c.attn_out_bias = c.mlp_bias = false; }},
      {0, IB_FEATURE_QK_NORM, [](auto& c) { c.qk_norm = true; }},
      {0, IB_FEATURE_POST_NORM, [](auto& c) { c.post_norm = true; }},
      {0, IB_FEATURE_WINDOW, [](auto& c) { c.layers.back().window = 1023; }},
      {0, 0, [](auto& c) { c.layers.back().window = 1024; }},  // hides nothing of max_positions
      {0, IB_FEATURE_ATTENTION_SOFT_CAP, [](auto& c) { c.attention_soft_cap = 50; }},
      {0, IB_FEATURE_LOGIT_SOFT_CAP, [](auto& c) { c.logit_soft_cap = 30; }},
      {0, IB_FEATURE_EMBEDDING_SCALE, [](auto& c) { c.embedding_scale = 2; }},
      {0, 0, [](auto& c) { c.tied_head = false; }},
      {IB_FEATURE_GELU_TANH, IB_FEATURE_GELU_ERF, [](auto& c) { c.activation = IB_ACTIVATION_GELU_ERF; }},
      {IB_FEATURE_GELU_TANH, IB_FEATURE_RELU, [](auto& c) { c.activation = IB_ACTIVATION_RELU; }},
      {IB_FEATURE_GELU_TANH, IB_FEATURE_SILU, [](auto& c) { c.activation = IB_ACTIVATION_SILU; }},
      {IB_FEATURE_GELU_TANH, 0, [](auto& c) { c.activation = 99; }},  // unknown: refused as such
  };
  for (std::size_t i = 0; i < changes.size(); ++i) {
    ModelConfig config = gpt2_config();
    changes[i].apply(config);
    EXPECT_EQ(required_features(model_desc(config)), (kPlainGpt2 & ~changes[i].removed) | changes[i].added) << i;
  }
}

}  // namespace
}  // namespace inferbench::decoder
