// SPDX-License-Identifier: Apache-2.0
// The inputs, expected outputs and minimum cost of a single operator.
#include <gmock/gmock.h>

#include <cmath>
#include <numbers>
#include <utility>

#include "ops/loaded_operator.hpp"
#include "ops/operator_cost.hpp"
#include "ops/operator_error.hpp"
#include "ops/operator_inputs.hpp"
#include "reference/operators.hpp"

namespace inferbench {
namespace {

using reference::Values;
using testing::DoubleNear;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Pointwise;

ModelConfig gpt2() {
  ModelConfig config;
  set_gpt2_sizes(config, 12, 12, 768, 1024, 50257);
  return config;
}

// Llama 3.2 1B, but with a window and a norm of queries and keys.
ModelConfig llama() {
  ModelConfig config;
  set_gpt2_sizes(config, 16, 32, 2048, 131072, 128256);
  config.n_kv_heads = 8;
  config.intermediate_size = 8192;
  config.norm = IB_NORM_RMS;
  config.activation = IB_ACTIVATION_SILU;
  config.gated = true;
  config.learned_positions = config.qkv_bias = config.attn_out_bias = config.mlp_bias = false;
  config.qk_norm = true;
  config.norm_epsilon = 1e-6;
  config.rotary_frequencies.assign(32, 0.5);
  config.rotary_scales = {1};
  set_like_layers(config, 100, 0);
  return config;
}

MATCHER_P(NearTo, tolerance, "") {
  return std::abs(std::get<0>(arg) - std::get<1>(arg)) <= tolerance;
}

// ---- float64 compared with closed forms ----

TEST(ReferenceOperators, LayerNormOfTwoValues) {
  // mean 2, variance 1: (x - mean) / sqrt(1 + 3) = -+ 1/2
  EXPECT_THAT(reference::layer_norm({1, 3}, {2, 4}, {10, 20}, 3), ElementsAre(9, 22));
}

TEST(ReferenceOperators, RmsNormOfTwoValues) {
  // mean square (1 + 7) / 2 = 4: x / sqrt(4 + 5) * weight
  EXPECT_THAT(reference::rms_norm({1, std::sqrt(7.0)}, {6, 3}, 5), Pointwise(NearTo(1e-15), Values{2, std::sqrt(7.0)}));
}

TEST(ReferenceOperators, LinearIsRowTimesTransposedMatrixPlusBias) {
  const Values weight{1, 2, 0, 5, -1, 7};  // [3, 2]
  EXPECT_THAT(reference::linear({1, 2, 3, 4}, weight, 2, {100, 200, 300}), ElementsAre(105, 210, 313, 111, 220, 325));
  EXPECT_THAT(reference::linear({1, 2, 3, 4}, weight, 2), ElementsAre(5, 10, 13, 11, 20, 25));
}

TEST(ReferenceOperators, SoftmaxOfLogarithms) {
  EXPECT_THAT(reference::softmax_rows({std::log(1.0), std::log(3.0), 1000, 1000}, 2),
              Pointwise(NearTo(1e-15), Values{0.25, 0.75, 0.5, 0.5}));
}

TEST(ReferenceOperators, ActivationsAtKnownPoints) {
  EXPECT_THAT(reference::activate({-1, 0, 2}, IB_ACTIVATION_RELU), ElementsAre(0, 0, 2));
  // x Phi(x), with Phi(1) = 0.8413447460685429 of the normal distribution.
  EXPECT_THAT(reference::activate({1}, IB_ACTIVATION_GELU_ERF), ElementsAre(DoubleNear(0.8413447460685429, 1e-15)));
  EXPECT_THAT(reference::activate({1}, IB_ACTIVATION_GELU_TANH), ElementsAre(DoubleNear(0.8411919906082768, 1e-15)));
  // x / (1 + exp(-x)), at log(3): 3/4 of it.
  EXPECT_THAT(reference::activate({std::log(3.0)}, IB_ACTIVATION_SILU),
              ElementsAre(DoubleNear(0.75 * std::log(3.0), 1e-15)));
}

TEST(ReferenceOperators, SoftCapsBoundAndKeepSmallValues) {
  Values values{1e-9, 1e9, -1e9, 2};
  reference::soft_cap(values, 2);
  EXPECT_THAT(values, Pointwise(NearTo(1e-12), Values{1e-9, 2, -2, 2 * std::tanh(1.0)}));
  reference::soft_cap(values, 0);
  EXPECT_EQ(values.at(1), 2) << "no cap";
}

// A quarter turn a position, by halves: (a, b, c, d) -> (-c, b, a, d) at position 1 where only the first pair turns.
TEST(ReferenceOperators, RotationPairsHalves) {
  Values rows{1, 2, 3, 4, 1, 2, 3, 4};
  reference::rotate(rows, 1, std::vector<double>{std::numbers::pi / 2, 0}, 1, 0);
  EXPECT_THAT(rows, Pointwise(NearTo(1e-15), Values{1, 2, 3, 4, -3, 2, 1, 4}));
  Values scaled{1, 2, 3, 4};
  reference::rotate(scaled, 2, std::vector<double>{std::numbers::pi}, 10, 1);
  EXPECT_THAT(scaled, Pointwise(NearTo(1e-14), Values{-10, -20, -30, -40})) << "two heads of two values";
}

// With equal keys every position has the same weight, so the result is the mean of the visible values.
TEST(ReferenceOperators, AttentionToEqualKeysIsTheMean) {
  const Values values{10, 20, 60};
  const Values keys{1, 1, 1};
  reference::AttentionShape shape;
  EXPECT_THAT(reference::attend({5, 7, 9}, keys, values, shape), Pointwise(NearTo(1e-12), Values{10, 15, 30}));
  EXPECT_THAT(reference::attend({9}, keys, values, shape), Pointwise(NearTo(1e-12), Values{30})) << "the last alone";
  shape.window = 2;
  EXPECT_THAT(reference::attend({5, 7, 9}, keys, values, shape), Pointwise(NearTo(1e-12), Values{10, 15, 40}));
  shape.window = 1;
  EXPECT_THAT(reference::attend({5, 7, 9}, keys, values, shape), Pointwise(NearTo(1e-12), values));
}

TEST(ReferenceOperators, ConsecutiveHeadsShareKeysAndValues) {
  reference::AttentionShape shape;
  shape.n_heads = 4;
  shape.n_kv_heads = 2;
  EXPECT_THAT(reference::attend({1, 1, 1, 1}, {1, 1}, {3, 5}, shape), ElementsAre(3, 3, 5, 5));
}

TEST(ReferenceOperators, ScaleGoesBeforeTheSoftCap) {
  reference::AttentionShape shape;
  shape.scale = 3;
  shape.soft_cap = 2;
  // Scores 0 and 2 tanh(3 / 2).
  const double share = 1 / (1 + std::exp(-2 * std::tanh(1.5)));
  EXPECT_THAT(reference::attend({1}, {0, 1}, {0, 1}, shape), ElementsAre(DoubleNear(share, 1e-15)));
}

TEST(ReferenceOperators, StridedTensorsAreReadInPlace) {
  const std::vector<float> stored{9, 1, 2, 9, 3, 4, 9, 5, 6};  // [3, 2] in rows of 3, from the second value on
  ib_tensor tensor{};
  tensor.rank = 2;
  tensor.shape[0] = 3;
  tensor.shape[1] = 2;
  tensor.strides[0] = 3;
  tensor.strides[1] = 1;
  tensor.data = stored.data() + 1;
  EXPECT_THAT(reference::values_of(tensor), ElementsAre(1, 2, 3, 4, 5, 6));
  std::swap(tensor.shape[0], tensor.shape[1]);
  std::swap(tensor.strides[0], tensor.strides[1]);
  EXPECT_THAT(reference::values_of(tensor), ElementsAre(1, 3, 5, 2, 4, 6));
  tensor.rank = 1;
  tensor.shape[0] = 3;
  tensor.strides[0] = 2;
  const std::vector<std::uint16_t> halves{0x3C00, 0, 0xC000, 0, 0x0001};  // 1, -2 and the smallest subnormal
  tensor.data = halves.data();
  tensor.dtype = IB_DTYPE_F16;
  EXPECT_THAT(reference::values_of(tensor), ElementsAre(1, -2, std::ldexp(1.0, -24)));
}

// ---- specifications ----

TEST(OperatorSpecs, DefaultsAreTheModels) {
  EXPECT_EQ(shape_text(default_spec(IB_OP_NORM, gpt2(), 3)), "rows=3 width=768");
  EXPECT_EQ(shape_text(default_spec(IB_OP_LINEAR, gpt2(), 128)), "rows=128 in=768 out=3072");
  EXPECT_EQ(shape_text(default_spec(IB_OP_ATTENTION, gpt2(), 1)), "tokens=1 past=512 heads=12 head_dim=64");
  EXPECT_EQ(shape_text(default_spec(IB_OP_ATTENTION, gpt2(), 128)), "tokens=128 past=0 heads=12 head_dim=64");
  EXPECT_EQ(shape_text(default_spec(IB_OP_ACTIVATION, gpt2(), 1)), "rows=1 width=3072");
  EXPECT_EQ(shape_text(default_spec(IB_OP_SOFTMAX, gpt2(), 1)), "rows=1 width=1024");
  EXPECT_EQ(shape_text(default_spec(IB_OP_MLP, gpt2(), 1)), "rows=1 width=768 inner=3072");
  EXPECT_EQ(shape_text(default_spec(IB_OP_LAYER, gpt2(), 2)), "tokens=2 past=0 heads=12 head_dim=64 inner=3072");
  EXPECT_EQ(shape_text(default_spec(IB_OP_ROTARY, gpt2(), 2)), "tokens=2 past=0 heads=12 head_dim=64");
}

TEST(OperatorSpecs, DefaultsOfALlamaNameWhatDiffersFromGpt2) {
  EXPECT_EQ(shape_text(default_spec(IB_OP_NORM, llama(), 3)), "rows=3 width=2048 norm=rms_norm");
  EXPECT_EQ(shape_text(default_spec(IB_OP_LINEAR, llama(), 1)), "rows=1 in=2048 out=8192 bias=none");
  EXPECT_EQ(shape_text(default_spec(IB_OP_ATTENTION, llama(), 1)),
            "tokens=1 past=2048 heads=32 kv_heads=8 head_dim=64 window=100 rotary=true qk_norm=true");
  EXPECT_EQ(shape_text(default_spec(IB_OP_SOFTMAX, llama(), 1)), "rows=1 width=4096") << "not the context of 131072";
  EXPECT_EQ(shape_text(default_spec(IB_OP_MLP, llama(), 1)),
            "rows=1 width=2048 inner=8192 activation=silu gated=true bias=none");
  EXPECT_EQ(default_spec(IB_OP_LAYER, llama(), 1).norm_epsilon, 1e-6);
  ModelConfig qwen2 = llama();
  qwen2.qkv_bias = true;
  EXPECT_THAT(shape_text(default_spec(IB_OP_LAYER, qwen2, 1)), HasSubstr(" bias=qkv "));
  EXPECT_THAT(shape_text(default_spec(IB_OP_LINEAR, qwen2, 1)), HasSubstr("bias=none"));
}

TEST(OperatorSpecs, EveryKeyReadsAndWrites) {
  for (std::int32_t op = 0; op < static_cast<std::int32_t>(operator_names().size()); ++op) {
    OperatorSpec spec = default_spec(op, gpt2(), 4);
    std::int32_t number = 1;
    for (const std::string& key : operator_keys(op)) {
      const std::int32_t value = key_words(key).empty() ? ++number : 1;
      set_key(spec, key, value);
      EXPECT_EQ(get_key(spec, key), value) << operator_name(op) << " " << key;
    }
    EXPECT_EQ(operator_from(operator_name(op)), op);
  }
  EXPECT_EQ(operator_from("conv"), -1);
}

TEST(OperatorSpecs, HeadsTakeKeyValueHeadsAndWidthAlong) {
  OperatorSpec spec = default_spec(IB_OP_LAYER, gpt2(), 1);
  set_key(spec, "heads", 4);
  EXPECT_EQ(spec.kv_heads, 4);
  EXPECT_EQ(spec.hidden_size, 4 * 64);
  OperatorSpec grouped = default_spec(IB_OP_LAYER, llama(), 1);
  set_key(grouped, "heads", 16);
  EXPECT_EQ(grouped.kv_heads, 8);
  set_key(grouped, "heads", 12);
  EXPECT_EQ(shape_fault(grouped), "heads=12 is not a multiple of kv_heads=8");
  set_key(grouped, "kv_heads", 6);
  EXPECT_EQ(shape_fault(grouped), "");
  set_key(grouped, "head_dim", 63);
  EXPECT_THAT(shape_fault(grouped), HasSubstr("head_dim=63 is odd"));
}

TEST(OperatorSpecs, FeaturesAreThoseOfTheOperatorAlone) {
  EXPECT_EQ(operator_features(default_spec(IB_OP_LINEAR, llama(), 1)), 0U);
  EXPECT_EQ(operator_features(default_spec(IB_OP_LINEAR, gpt2(), 1)), IB_FEATURE_LINEAR_BIAS);
  EXPECT_EQ(operator_features(default_spec(IB_OP_NORM, llama(), 1)), IB_FEATURE_RMS_NORM);
  EXPECT_EQ(operator_features(default_spec(IB_OP_SOFTMAX, llama(), 1)), 0U);
  EXPECT_EQ(operator_features(default_spec(IB_OP_MLP, llama(), 1)), IB_FEATURE_GATED_MLP | IB_FEATURE_SILU);
  EXPECT_EQ(operator_features(default_spec(IB_OP_ATTENTION, llama(), 1)),
            IB_FEATURE_ROTARY | IB_FEATURE_GROUPED_HEADS | IB_FEATURE_QK_NORM | IB_FEATURE_WINDOW);
  EXPECT_EQ(operator_features(default_spec(IB_OP_ATTENTION, llama(), 99)),
            IB_FEATURE_ROTARY | IB_FEATURE_GROUPED_HEADS | IB_FEATURE_QK_NORM)
      << "the window hides nothing";
}

TEST(OperatorInputs, AreTheSameEveryTimeAndDifferBySeed) {
  const OperatorSpec spec = default_spec(IB_OP_LAYER, gpt2(), 1);
  const OperatorInputs one(spec, 1);
  const OperatorInputs again(spec, 1);
  const OperatorInputs other(spec, 2);
  EXPECT_EQ(one.tensors().size(), 16U);
  EXPECT_EQ(one.input(), again.input());
  EXPECT_EQ(one.past_kv().size(), 512U * 2 * 768);
  EXPECT_NE(one.input(), other.input());
  // The inputs have unit variance.
  double squares = 0;
  for (const float value : one.past_kv()) squares += double{value} * value;
  EXPECT_NEAR(squares / static_cast<double>(one.past_kv().size()), 1, 0.01);
}

TEST(OperatorInputs, ReferenceHasTheShapeOfTheResult) {
  for (const ModelConfig& model : {gpt2(), llama()}) {
    ModelConfig config = model;
    config.hidden_size = 24;
    config.n_heads = 4;
    config.n_kv_heads = config.n_kv_heads == 8 ? 2 : 4;
    config.head_dim = 6;
    config.intermediate_size = 40;
    for (const std::string& name : operator_names()) {
      const OperatorSpec spec = default_spec(operator_from(name), config, 3);
      const OperatorInputs inputs(spec, 1);
      const Values result = inputs.reference();
      ASSERT_EQ(result.size(), inputs.n_results()) << name;
      for (const double value : result) ASSERT_TRUE(std::isfinite(value)) << name;
    }
  }
}

// What the parts of a layer give one after the other is what the layer gives.
TEST(OperatorInputs, AttentionAndRotaryAgree) {
  OperatorSpec attention = default_spec(IB_OP_ATTENTION, llama(), 1);
  attention.past = 0;
  attention.qk_norm = 0;
  // A single position attends to itself alone: the result is its values, whatever the rotation.
  const OperatorInputs inputs(attention, 1);
  const Values result = inputs.reference();
  const std::size_t first_value = (32 + 8) * 64;
  for (std::size_t head = 0; head < 32; ++head) {
    for (std::size_t d = 0; d < 64; ++d) {
      ASSERT_DOUBLE_EQ(result[head * 64 + d], double{inputs.input()[first_value + head / 4 * 64 + d]});
    }
  }
}

// ---- errors and limits ----

TEST(OperatorErrors, AreInRootMeanSquaresOfTheReference) {
  const std::vector<double> reference{3, -4, 0, 5};  // rms sqrt(50 / 4)
  const OperatorError error = operator_error(std::vector<float>{3, -4, 1, 5}, reference);
  EXPECT_NEAR(error.max, 1 / std::sqrt(12.5), 1e-12);
  EXPECT_NEAR(error.rms, 0.5 / std::sqrt(12.5), 1e-12);
  EXPECT_EQ(operator_error(std::vector<float>{3, -4, NAN, 5}, reference).max, HUGE_VAL);
}

TEST(OperatorErrors, TolerancesGoByBits) {
  EXPECT_EQ(operator_tolerance(32)->max, 2e-5);
  EXPECT_EQ(operator_tolerance(16)->max, 0.03);
  EXPECT_EQ(operator_tolerance(8)->rms, 0.042);
  EXPECT_EQ(operator_tolerance(6)->max, 0.7);
  EXPECT_FALSE(operator_tolerance(2));
}

TEST(OperatorCosts, CountOperations) {
  EXPECT_EQ(operator_flops(default_spec(IB_OP_LINEAR, gpt2(), 2)).products, 2.0 * 2 * 768 * 3072);
  EXPECT_EQ(operator_flops(default_spec(IB_OP_NORM, gpt2(), 2)).other, 8.0 * 2 * 768);
  // 2 queries with no past: 1 + 2 pairs, each with a score and a value; plus 5 for each pair's softmax in each of 12
  // heads.
  EXPECT_EQ(operator_flops(default_spec(IB_OP_ATTENTION, gpt2(), 2)).other, 4.0 * 3 * 768 + 5 * 3 * 12);
  EXPECT_EQ(operator_flops(default_spec(IB_OP_MLP, gpt2(), 1)).products, 4.0 * 768 * 3072);
  EXPECT_EQ(operator_flops(default_spec(IB_OP_LAYER, gpt2(), 1)).products, 2.0 * 12 * 768 * 768);
}

TEST(OperatorCosts, CountGatesGroupsWindowsAndRotation) {
  EXPECT_EQ(operator_flops(default_spec(IB_OP_NORM, llama(), 2)).other, 4.0 * 2 * 2048);
  EXPECT_EQ(operator_flops(default_spec(IB_OP_MLP, llama(), 1)).products, 6.0 * 2048 * 8192);
  EXPECT_EQ(operator_flops(default_spec(IB_OP_MLP, llama(), 1)).other, 5.0 * 8192) << "SiLU and the product";
  EXPECT_EQ(operator_flops(default_spec(IB_OP_ROTARY, llama(), 2)).other, 3.0 * 2 * (32 + 8) * 64);
  EXPECT_EQ(operator_flops(default_spec(IB_OP_ATTENTION, llama(), 1)).other,
            100 * (4.0 * 32 * 64 + 5 * 32) + (3 + 4) * (32.0 + 8) * 64)
      << "100 positions of the window, rotation and qk_norm";
  EXPECT_EQ(operator_flops(default_spec(IB_OP_LAYER, llama(), 1)).products,
            2.0 * 2048 * (2 * 2048 + 2 * 512 + 3 * 8192));
}

TEST(OperatorCosts, TheSlowerOfMemoryAndArithmeticBounds) {
  const OperatorSpec spec = default_spec(IB_OP_LINEAR, gpt2(), 1);  // 2 * 768 * 3072 = 4718592 operations
  const OperatorLimit decode = operator_limit(spec, 2'400'000, {24e9, 4e11, 1e11});
  EXPECT_NEAR(decode.memory_s, 1e-4, 1e-12);
  EXPECT_NEAR(decode.arithmetic_s, 4718592 / 4e11, 1e-12);
  EXPECT_TRUE(decode.by_memory());
  EXPECT_EQ(decode.seconds, decode.memory_s);
  const OperatorLimit slow_core = operator_limit(spec, 2'400'000, {24e9, 1e9, 1e9});
  EXPECT_FALSE(slow_core.by_memory());
  EXPECT_NEAR(slow_core.seconds, 4718592 / 1e9, 1e-12);
}

TEST(OperatorCopies, ExceedTheLastCacheWhereTheyFit) {
  constexpr std::uint64_t kMiB = 1U << 20U;
  EXPECT_EQ(copies_for(OperatorCache::kHot, kMiB, 32 * kMiB, 8192 * kMiB), 1);
  EXPECT_EQ(copies_for(OperatorCache::kCold, 0, 32 * kMiB, 8192 * kMiB), 1);
  EXPECT_EQ(copies_for(OperatorCache::kCold, kMiB, 32 * kMiB, 8192 * kMiB), 129);
  EXPECT_EQ(copies_for(OperatorCache::kCold, kMiB, 32 * kMiB, 80 * kMiB), 10) << "an eighth of the free memory";
  EXPECT_EQ(copies_for(OperatorCache::kCold, 1000 * kMiB, 32 * kMiB, 80 * kMiB), 1);
}

}  // namespace
}  // namespace inferbench
