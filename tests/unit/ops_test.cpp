// SPDX-License-Identifier: Apache-2.0
// The inputs, expected outputs and minimum cost of a single operator.
#include <gmock/gmock.h>

#include <cmath>
#include <numeric>

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
using testing::Pointwise;

ModelConfig gpt2() {
  ModelConfig config;
  config.n_layers = 12;
  config.n_heads = 12;
  config.width = 768;
  config.inner = 3072;
  config.context = 1024;
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

TEST(ReferenceOperators, LinearIsRowTimesMatrixPlusBias) {
  EXPECT_THAT(reference::linear({1, 2, 3, 4}, {1, 0, -1, 2, 5, 7}, {100, 200, 300}),
              ElementsAre(105, 210, 313, 111, 220, 325));
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
}

// With equal keys every position has the same weight, so the result is the mean of the visible values.
TEST(ReferenceOperators, AttentionToEqualKeysIsTheMean) {
  const Values qkv{5, 1, 10, 7, 1, 20, 9, 1, 60};  // width 1: q, k, v of three positions
  EXPECT_THAT(reference::attend(qkv, 1, 1, 1), Pointwise(NearTo(1e-12), Values{10, 15, 30}));
  EXPECT_THAT(reference::attend(qkv, 1, 1, 1, 2), Pointwise(NearTo(1e-12), Values{30}));
}

TEST(ReferenceOperators, PastKeysAndValuesAreSeen) {
  const Values x{5, 1, 60};
  EXPECT_THAT(reference::attend(reference::with_past(x, {1, 10, 1, 20}, 1), 1, 1, 1, 2),
              Pointwise(NearTo(1e-12), Values{30}));
}

// ---- specifications ----

TEST(OperatorSpecs, DefaultsAreTheModels) {
  EXPECT_EQ(shape_text(default_spec(IB_OP_LAYER_NORM, gpt2(), 3)), "rows=3 width=768");
  EXPECT_EQ(shape_text(default_spec(IB_OP_LINEAR, gpt2(), 128)), "rows=128 in=768 out=3072");
  EXPECT_EQ(shape_text(default_spec(IB_OP_ATTENTION, gpt2(), 1)), "tokens=1 past=512 heads=12 head_dim=64");
  EXPECT_EQ(shape_text(default_spec(IB_OP_ATTENTION, gpt2(), 128)), "tokens=128 past=0 heads=12 head_dim=64");
  EXPECT_EQ(shape_text(default_spec(IB_OP_GELU, gpt2(), 1)), "rows=1 width=3072");
  EXPECT_EQ(shape_text(default_spec(IB_OP_SOFTMAX, gpt2(), 1)), "rows=1 width=1024");
  EXPECT_EQ(shape_text(default_spec(IB_OP_MLP, gpt2(), 1)), "rows=1 width=768 inner=3072");
  EXPECT_EQ(shape_text(default_spec(IB_OP_BLOCK, gpt2(), 2)), "tokens=2 past=0 heads=12 head_dim=64 inner=3072");
}

TEST(OperatorSpecs, EveryKeyReadsAndWrites) {
  for (std::int32_t op = 0; op < static_cast<std::int32_t>(operator_names().size()); ++op) {
    OperatorSpec spec = default_spec(op, gpt2(), 4);
    std::int32_t value = 1;
    for (const std::string& key : operator_keys(op)) {
      set_key(spec, key, ++value);
      EXPECT_EQ(get_key(spec, key), value) << operator_name(op) << " " << key;
    }
    EXPECT_EQ(operator_from(operator_name(op)), op);
  }
  EXPECT_EQ(operator_from("conv"), -1);
}

TEST(OperatorInputs, AreTheSameEveryTimeAndDifferBySeed) {
  const OperatorSpec spec = default_spec(IB_OP_BLOCK, gpt2(), 1);
  const OperatorInputs one(spec, 1);
  const OperatorInputs again(spec, 1);
  const OperatorInputs other(spec, 2);
  EXPECT_EQ(one.tensors().size(), 12U);
  EXPECT_EQ(one.input(), again.input());
  EXPECT_EQ(one.past_kv().size(), 512U * 2 * 768);
  EXPECT_NE(one.input(), other.input());
  // The inputs have unit variance.
  double squares = 0;
  for (const float value : one.past_kv()) squares += double{value} * value;
  EXPECT_NEAR(squares / static_cast<double>(one.past_kv().size()), 1, 0.01);
}

// A block whose weights are all zero, except for the layer norms, passes x on.
TEST(OperatorInputs, ReferenceHasTheShapeOfTheResult) {
  for (const char* name : {"layernorm", "linear", "attention", "gelu", "softmax", "mlp", "block"}) {
    ModelConfig config = gpt2();
    config.width = 24;
    config.inner = 40;
    config.context = 10;
    const OperatorSpec spec = default_spec(operator_from(name), config, 3);
    const std::size_t columns = spec.op == IB_OP_LINEAR ? 40 : static_cast<std::size_t>(spec.width);
    const Values result = OperatorInputs(spec, 1).reference();
    ASSERT_EQ(result.size(), 3 * columns) << name;
    for (const double value : result) ASSERT_TRUE(std::isfinite(value)) << name;
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
  EXPECT_EQ(operator_tolerance("fp32")->max, 2e-5);
  EXPECT_EQ(operator_tolerance("bf16")->max, 0.03);
  EXPECT_EQ(operator_tolerance("int8")->rms, 0.042);
  EXPECT_EQ(operator_tolerance("q4_0")->max, 0.7);
  EXPECT_FALSE(operator_tolerance("ternary"));
}

TEST(OperatorCosts, CountOperations) {
  EXPECT_EQ(operator_flops(default_spec(IB_OP_LINEAR, gpt2(), 2)).products, 2.0 * 2 * 768 * 3072);
  EXPECT_EQ(operator_flops(default_spec(IB_OP_LAYER_NORM, gpt2(), 2)).other, 8.0 * 2 * 768);
  // 2 queries with no past: 1 + 2 pairs, each with a score and a value; plus 5 for each pair's softmax in each of 12
  // heads.
  EXPECT_EQ(operator_flops(default_spec(IB_OP_ATTENTION, gpt2(), 2)).other, 4.0 * 3 * 768 + 5 * 3 * 12);
  EXPECT_EQ(operator_flops(default_spec(IB_OP_MLP, gpt2(), 1)).products, 4.0 * 768 * 3072);
  EXPECT_EQ(operator_flops(default_spec(IB_OP_BLOCK, gpt2(), 1)).products, 2.0 * 12 * 768 * 768);
}

ThreadLimits limits_of(double bytes_per_s, double fp32, double int8) {
  ThreadLimits limits;
  limits.threads = 1;
  limits.read.push_back({64U << 20U, {bytes_per_s, bytes_per_s, "plain"}});
  limits.fp32_flops_per_s = {fp32, fp32, "avx2"};
  limits.int8_ops_per_s = {int8, int8, "avx2"};
  return limits;
}

TEST(OperatorCosts, TheSlowerOfMemoryAndArithmeticBounds) {
  const OperatorSpec spec = default_spec(IB_OP_LINEAR, gpt2(), 1);  // 2 * 768 * 3072 = 4718592 operations
  const OperatorLimit decode = operator_limit(spec, true, 2'400'000, 240'000'000, limits_of(24e9, 1e11, 4e11));
  EXPECT_NEAR(decode.memory_s, 1e-4, 1e-12);
  EXPECT_NEAR(decode.arithmetic_s, 4718592 / 4e11, 1e-12);
  EXPECT_TRUE(decode.by_memory());
  EXPECT_EQ(decode.seconds, decode.memory_s);
  const OperatorLimit slow_core = operator_limit(spec, false, 2'400'000, 240'000'000, limits_of(24e9, 1e9, 4e11));
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
