// SPDX-License-Identifier: Apache-2.0
// The reference of the conformance rules: it must match GPT-2, and in the test models every tensor must affect the
// logits.
#include <gmock/gmock.h>

#include <algorithm>
#include <cmath>
#include <numeric>

#include "conformance/test_model.hpp"
#include "golden/fixture.hpp"
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
TEST_P(ReferenceOf, IsGpt2) {
  const Weights weights = Model::open(golden::model_reference(GetParam())).weights();
  const reference::Decoder reference(weights.desc());
  for (const golden::Case& one : golden::read_cases(GetParam())) {
    const auto found = reference.logits(one.input_ids);
    ASSERT_EQ(found.size(), one.logits.size());
    EXPECT_LT(relative_error({one.logits.begin(), one.logits.end()}, found), 1e-6) << one.name;
  }
}

INSTANTIATE_TEST_SUITE_P(Fixtures, ReferenceOf, testing::Values("tiny", "tiny-f16", "tiny-bf16", "tiny-untied"),
                         [](const auto& one) {
                           std::string name = one.param;
                           std::replace(name.begin(), name.end(), '-', '_');
                           return name;
                         });

// A backend that drops a tensor, or confuses it with another, is off by far more than fp32 allows.
TEST(TestModel, EveryTensorShowsInTheLogits) {
  const auto ids = test_tokens(48);
  TestModel whole;
  const auto expected = reference::Decoder(whole.desc()).logits(ids);
  for (const ib_tensor& tensor : whole.tensors()) {
    TestModel altered;
    altered.clear(tensor.name);
    EXPECT_GT(relative_error(expected, reference::Decoder(altered.desc()).logits(ids)), 0.05) << tensor.name;
  }
}

TEST(TestModel, TheFlagsShowInTheLogits) {
  const auto ids = test_tokens(48);
  TestModel plain;
  const auto expected = reference::Decoder(plain.desc()).logits(ids);
  const auto changed = [&](auto change) {
    TestModel model;
    change(model.desc());
    return relative_error(expected, reference::Decoder(model.desc()).logits(ids));
  };
  EXPECT_GT(changed([](ib_model_desc& desc) { desc.activation = IB_ACTIVATION_GELU_ERF; }), 1.5e-4);
  EXPECT_GT(changed([](ib_model_desc& desc) { desc.activation = IB_ACTIVATION_RELU; }), 0.05);
  EXPECT_GT(changed([](ib_model_desc& desc) { desc.scale_attn_weights = 0; }), 0.05);
  EXPECT_GT(changed([](ib_model_desc& desc) { desc.scale_attn_by_inverse_layer = 1; }), 0.02);
  EXPECT_GT(changed([](ib_model_desc& desc) { desc.layer_norm_epsilon = 0.5; }), 0.01);
}

TEST(TestModel, NarrowTensorsHoldNearlyTheSameValues) {
  const auto ids = test_tokens(20);
  TestModel wide;
  TestModel half(TestModel::small(), IB_DTYPE_F16);
  TestModel brain(TestModel::small(), IB_DTYPE_BF16);
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
