// SPDX-License-Identifier: Apache-2.0
// The reference of the conformance rules: it must match the published models, and in the test models every tensor must
// affect the logits.
#include <gmock/gmock.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <numeric>
#include <string_view>
#include <utility>

#include "conformance/test_model.hpp"
#include "golden/fixture.hpp"
#include "inferbench/backend_checks.hpp"
#include "inferbench/decoder.hpp"
#include "model/model.hpp"
#include "reference/decoder.hpp"

namespace inferbench::conformance {
namespace {

double deviation(const std::vector<double>& values) {
  const auto n = static_cast<double>(values.size());
  const double mean = std::accumulate(values.begin(), values.end(), 0.0) / n;
  double squares = 0;
  for (const double value : values) squares += (value - mean) * (value - mean);
  return std::sqrt(squares / n);
}

// Root mean square of the difference, in standard deviations of `expected`.
double relative_error(const std::vector<double>& expected, const std::vector<double>& found) {
  double squares = 0;
  for (std::size_t i = 0; i < expected.size(); ++i) squares += (found[i] - expected[i]) * (found[i] - expected[i]);
  return std::sqrt(squares / static_cast<double>(expected.size())) / deviation(expected);
}

class ReferenceOf : public testing::TestWithParam<const char*> {};

// Compares with the float64 logits of Hugging Face's implementation, stored as float32.
TEST_P(ReferenceOf, HasTheLogitsOfHuggingFace) {
  const Weights weights = Model::open(golden::model_reference(GetParam())).weights();
  const reference::Decoder reference(weights.desc());
  for (const golden::Case& one : golden::read_cases(GetParam())) {
    const auto found = reference.logits(one.input_ids);
    ASSERT_EQ(found.size(), one.logits.size());
    EXPECT_LT(relative_error({one.logits.begin(), one.logits.end()}, found), 1e-6) << one.name;
  }
}

INSTANTIATE_TEST_SUITE_P(Fixtures, ReferenceOf,
                         testing::Values("tiny", "tiny-f16", "tiny-bf16", "tiny-untied", "decoder/llama",
                                         "decoder/llama-old-config", "decoder/llama3-rope", "decoder/mistral-sliding",
                                         "decoder/qwen2", "decoder/qwen2-sharded-f16", "decoder/qwen3",
                                         "decoder/gemma2", "decoder/gemma3"),
                         [](const auto& one) {
                           std::string name = one.param;
                           std::replace_if(
                               name.begin(), name.end(), [](char c) { return c == '-' || c == '/'; }, '_');
                           return name;
                         });

// All kinds of test models: those of a backend for GPT-2, for Llama, for Gemma, for all.
std::vector<NamedConfig> kinds_of_models() {
  std::vector<NamedConfig> models;
  for (const auto& [name, features] : {std::pair{"GPT-2", IB_FEATURES_GPT2}, std::pair{"Llama", IB_FEATURES_LLAMA},
                                       std::pair{"Gemma", IB_FEATURES_GEMMA}, std::pair{"all", ~std::uint64_t{0}}}) {
    for (const NamedConfig& base : base_configs(features)) {
      models.push_back({std::string(name) + (base.name.empty() ? " plain" : " full"), base.config});
    }
  }
  return models;
}

// A backend that drops a tensor, or confuses it with another, is off by far more than fp32 allows.
TEST(TestModel, EveryTensorShowsInTheLogits) {
  const auto ids = test_tokens(48);
  for (const NamedConfig& kind : kinds_of_models()) {
    TestModel whole(kind.config);
    const auto expected = reference::Decoder(whole.desc()).logits(ids);
    for (const ib_tensor& tensor : whole.tensors()) {
      // It adds the same to all scores of a query, unless keys are rotated or capped.
      const bool is_key_bias = std::string_view(tensor.name).ends_with("attn_k.bias");
      if (is_key_bias && kind.config.rotary_scales.empty()) continue;
      TestModel altered(kind.config);
      altered.clear(tensor.name);
      EXPECT_GT(relative_error(expected, reference::Decoder(altered.desc()).logits(ids)), 0.02)
          << kind.name << ": " << tensor.name;
    }
  }
}

// Each model of the matrix differs from what a backend would compute that ignored the feature.
TEST(TestModel, EveryFeatureShowsInTheLogits) {
  const auto ids = test_tokens(128);
  const auto changed = [&](std::uint64_t feature, const std::function<void(ib_model_desc&)>& change) {
    for (const NamedConfig& named : configs_with(feature, ~std::uint64_t{0})) {
      TestModel model(named.config);
      const auto expected = reference::Decoder(model.desc()).logits(ids);
      change(model.desc());
      EXPECT_GT(relative_error(expected, reference::Decoder(model.desc()).logits(ids)), 0.01) << named.name;
    }
  };
  std::vector<ib_layer_desc> layers;
  const auto change_layers = [&](const std::function<void(ib_layer_desc&)>& change) {
    return [&layers, change](ib_model_desc& desc) {
      layers.assign(desc.layers, desc.layers + desc.n_layers);
      for (ib_layer_desc& layer : layers) change(layer);
      desc.layers = layers.data();
    };
  };
  changed(IB_FEATURE_RMS_NORM, [](ib_model_desc& desc) { desc.norm_epsilon = 0.5; });
  changed(IB_FEATURE_LEARNED_POSITIONS, [](ib_model_desc& desc) { desc.learned_positions = 0; });
  changed(IB_FEATURE_ROTARY, change_layers([](ib_layer_desc& layer) { layer.rotary_table = -1; }));
  changed(IB_FEATURE_GATED_MLP, [](ib_model_desc& desc) { desc.gated = 0; });
  changed(IB_FEATURE_QK_NORM, [](ib_model_desc& desc) { desc.qk_norm = 0; });
  changed(IB_FEATURE_POST_NORM, [](ib_model_desc& desc) { desc.post_norm = 0; });
  changed(IB_FEATURE_WINDOW, change_layers([](ib_layer_desc& layer) { layer.window = 0; }));
  changed(IB_FEATURE_ATTENTION_SOFT_CAP, [](ib_model_desc& desc) { desc.attention_soft_cap = 0; });
  changed(IB_FEATURE_LOGIT_SOFT_CAP, [](ib_model_desc& desc) { desc.logit_soft_cap = 0; });
  changed(IB_FEATURE_EMBEDDING_SCALE, [](ib_model_desc& desc) { desc.embedding_scale = 1; });
  changed(IB_FEATURE_SILU, [](ib_model_desc& desc) { desc.activation = IB_ACTIVATION_RELU; });
  changed(IB_FEATURE_LAYER_NORM, change_layers([](ib_layer_desc& layer) { layer.attention_scale = 1; }));
}

// The matrix asks for no feature besides those that the backend declares.
TEST(TestConfigs, NeedOnlyWhatIsDeclared) {
  for (const std::uint64_t features : {IB_FEATURES_GPT2, IB_FEATURES_LLAMA, IB_FEATURES_GEMMA,
                                       IB_FEATURE_RMS_NORM | IB_FEATURE_ROTARY | IB_FEATURE_GATED_MLP | IB_FEATURE_RELU,
                                       kWholeFamilies | ((IB_FEATURES_GPT2 | IB_FEATURES_LLAMA | IB_FEATURES_GEMMA) &
                                                         ~(IB_FEATURE_GELU_ERF | IB_FEATURE_RELU))}) {
    std::vector<NamedConfig> all = base_configs(features);
    all.push_back({"large", large_config(features)});
    for (const decoder::FeatureName& known : decoder::kFeatureNames) {
      if ((features & known.feature) == 0) continue;
      const std::vector<NamedConfig> with = configs_with(known.feature, features);
      EXPECT_FALSE(with.empty()) << known.name;
      for (const NamedConfig& named : with) {
        const bool is_off = named.name == "no biases";
        EXPECT_EQ((decoder::required_features(model_desc(named.config)) & known.feature) != 0, !is_off) << known.name;
        all.push_back(named);
      }
    }
    for (const NamedConfig& named : all) {
      EXPECT_EQ(decoder::required_features(model_desc(named.config)) & ~features, 0U) << named.name;
    }
  }
}

TEST(TestModel, StorageChangesNoValue) {
  const ModelConfig config = full_config(~std::uint64_t{0});
  for (const std::int32_t dtype : {IB_DTYPE_F32, IB_DTYPE_F16, IB_DTYPE_BF16}) {
    TestModel dense(config, dtype);
    for (const Storage storage :
         {Storage::kInputsFirst, Storage::kFused, Storage::kFusedInputsFirst, Storage::kPadded}) {
      TestModel strided(config, dtype, 1, storage);
      const TensorMap tensors(strided.desc());  // checks strides and byte counts
      for (const ib_tensor& tensor : dense.tensors()) {
        const ib_tensor& found = tensor.rank == 2 ? tensors.get(tensor.name, {tensor.shape[0], tensor.shape[1]})
                                                  : tensors.get(tensor.name, {tensor.shape[0]});
        ASSERT_EQ(reference::values_of(found), reference::values_of(tensor)) << tensor.name;
      }
    }
  }
}

TEST(TestModel, NarrowTensorsHoldNearlyTheSameValues) {
  const auto ids = test_tokens(20);
  const ModelConfig config = plain_config(IB_FEATURES_GPT2);
  TestModel wide(config);
  TestModel half(config, IB_DTYPE_F16);
  TestModel brain(config, IB_DTYPE_BF16);
  const auto expected = reference::Decoder(wide.desc()).logits(ids);
  const double of_half = relative_error(expected, reference::Decoder(half.desc()).logits(ids));
  const double of_brain = relative_error(expected, reference::Decoder(brain.desc()).logits(ids));
  EXPECT_GT(of_half, 1e-5);
  EXPECT_LT(of_half, 1e-2);
  EXPECT_GT(of_brain, of_half);
  EXPECT_LT(of_brain, 5e-2);
}

}  // namespace
}  // namespace inferbench::conformance
