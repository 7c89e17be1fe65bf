// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>

#include "results/config_json.hpp"
#include "results/model_identity.hpp"
#include "unit/results_fixture.hpp"

namespace inferbench {
namespace {

using test::sample_info;
using testing::ElementsAre;
using testing::IsEmpty;

TEST(ModelIdentity, IsTheWeightsAndTheConfiguration) {
  const ModelIdentity model = sample_info().models[0];
  ModelIdentity other = model;
  other.reference = "/elsewhere/renamed";
  other.name = "renamed";
  EXPECT_TRUE(same_model(model, other));
  other.sha256 = "dd";
  EXPECT_FALSE(same_model(model, other));
  other = model;
  other.shape->n_heads = 6;  // the same weights with another number of heads
  EXPECT_FALSE(same_model(model, other));
  other = model;
  other.shape->end_tokens = {5};
  EXPECT_TRUE(same_model(model, other));
}

TEST(ModelIdentity, SurvivesRunJson) {
  RunInfo info = sample_info();
  info.models[0].shape->norm_epsilon = 1e-6;
  info.models[0].shape->activation = IB_ACTIVATION_RELU;
  const ModelIdentity back = parse_run_info(to_json_text(info)).models[0];
  EXPECT_TRUE(back.whole_config);
  EXPECT_TRUE(same_model(back, info.models[0]));
  EXPECT_FALSE(same_model(back, sample_info().models[0]));
}

// Fields that run.json of an earlier version lacks do not count as differences.
TEST(ModelIdentity, OfAnEarlierVersionComparesWhatItKept) {
  RunInfo info = sample_info();
  info.models[0].whole_config = false;
  ModelIdentity back = parse_run_info(to_json_text(info)).models[0];
  EXPECT_FALSE(back.whole_config);
  ModelIdentity now = sample_info().models[0];
  now.shape->norm_epsilon = 1e-6;
  EXPECT_TRUE(same_model(back, now));
  back.shape.reset();
  EXPECT_TRUE(same_model(back, now));
}

// What determines the logits of any family comes back from run.json.
TEST(ModelIdentity, KeepsADescriptionOfAnyKind) {
  RunInfo info = sample_info();
  ModelConfig& config = *info.models[0].shape;
  config.model_type = "gemma3_text";
  config.n_kv_heads = 4;
  config.norm = IB_NORM_RMS;
  config.learned_positions = false;
  config.qk_norm = config.post_norm = config.gated = true;
  config.embedding_scale = 27.712812921102035;
  config.attention_soft_cap = 50;
  config.rotary_frequencies.assign(static_cast<std::size_t>(config.head_dim), 0.1);
  config.rotary_scales = {1, 1.25};
  config.layers[5] = {512, 1, 0.0625};
  const ModelIdentity back = parse_run_info(to_json_text(info)).models[0];
  EXPECT_TRUE(back.shape == info.models[0].shape);
  EXPECT_FALSE(same_model(back, sample_info().models[0]));
}

// Written by earlier versions, which knew only GPT-2.
TEST(ModelIdentity, ReadsTheShapeOfAGpt2) {
  const auto read = [](const char* text) { return config_from_json(nlohmann::ordered_json::parse(text)); };
  const ModelConfig config = read(R"({"n_layers": 12, "n_heads": 12, "width": 768, "inner": 3072, "context": 1024,
      "vocab": 50257, "tied_head": true, "activation": 0, "scale_attn_weights": true,
      "scale_attn_by_inverse_layer": false, "layer_norm_epsilon": 1e-5})");
  EXPECT_TRUE(config == *sample_info().models[0].shape);
  const ModelConfig scaled = read(R"({"n_layers": 2, "n_heads": 2, "width": 8, "inner": 32, "context": 16,
      "vocab": 50, "tied_head": false, "activation": 2, "scale_attn_weights": false,
      "scale_attn_by_inverse_layer": true, "layer_norm_epsilon": 1e-6})");
  EXPECT_EQ(scaled.layers[0].attention_scale, 1);
  EXPECT_EQ(scaled.layers[1].attention_scale, 0.5);
  EXPECT_EQ(scaled.activation, IB_ACTIVATION_RELU);
}

TEST(ModelIdentity, OfADamagedFileIsOneError) {
  for (const auto* count : {"-1", "2147483647", "11"}) {
    nlohmann::ordered_json info = nlohmann::ordered_json::parse(to_json_text(sample_info()));
    auto& shape = info["models"][0]["shape"];
    shape["layers"] = nlohmann::ordered_json::array({shape["layers"]});
    shape["n_layers"] = nlohmann::ordered_json::parse(count);
    EXPECT_THROW(parse_run_info(info.dump()), Error) << count;
    info["models"][0]["shape"] = nlohmann::ordered_json::parse(
        R"({"n_layers": -1, "n_heads": 1, "width": 8, "inner": 32, "context": 16, "vocab": 50, "tied_head": true})");
    EXPECT_THROW(parse_run_info(info.dump()), Error);
  }
}

TEST(ModelIdentity, NamesWhatChangedUnderOneName) {
  const RunInfo a = sample_info();
  RunInfo b = sample_info();
  EXPECT_THAT(changed_models(a, b), IsEmpty());
  b.models[0].sha256 = "dd";
  EXPECT_THAT(changed_models(a, b), ElementsAre("model 'synthetic:gpt2': different weights (SHA-256 cc and dd)"));
  b = sample_info();
  b.models[0].shape->n_heads = 6;
  EXPECT_THAT(changed_models(a, b),
              ElementsAre("model 'synthetic:gpt2': different configuration (config.json) for the same weights"));
}

// A folder written before names were made distinct.
TEST(ModelIdentity, NamesAreDistinctWhenRead) {
  RunInfo info = sample_info();
  info.models = {{"/m/v1/model", "model", "aa", 1, std::nullopt}, {"/m/v2/model", "model", "bb", 1, std::nullopt}};
  const RunInfo back = parse_run_info(to_json_text(info));
  EXPECT_EQ(model_name(back, "/m/v1/model"), "v1/model");
  EXPECT_EQ(model_name(back, "/m/v2/model"), "v2/model");
  EXPECT_EQ(model_name(back, "/m/v3/model"), "/m/v3/model");
}

}  // namespace
}  // namespace inferbench
