// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <algorithm>

#include "conformance/rules.hpp"
#include "reference/decoder.hpp"

namespace inferbench::conformance {

namespace {

// Checks all logits of a sequence as long as the context.
void expect_gpt2(Check& check, TestModel& weights, const std::string& what, bool may_be_unsupported = false) {
  const auto ids = test_tokens(static_cast<std::size_t>(weights.config().context), 1, weights.config().vocab);
  const Candidate model(check.subject(), weights.desc());
  if (may_be_unsupported && model.status() == IB_UNSUPPORTED) {
    return check.not_tried(fmt::format("{}: unsupported: {}", what, model.error().message));
  }
  check.expect_logits(reference::Decoder(weights.desc()).logits(ids), Session(model).all_logits(0, ids), what,
                      {weights.config().vocab});
}

void logits_are_gpt2(Check& check) {
  for (const std::uint64_t seed : {1U, 2U}) {
    TestModel weights(TestModel::small(), IB_DTYPE_F32, seed);
    expect_gpt2(check, weights, fmt::format("weights of seed {}", seed));
  }
}

// The prompt in one call, then one token at a time, as in text generation.
void decode_is_gpt2(Check& check) {
  TestModel weights;
  const Candidate model(check.subject(), weights.desc());
  const Session session(model);
  const auto ids = test_tokens(64);
  std::vector<float> logits = session.all_logits(0, part(ids, 0, 40));
  for (std::size_t i = 40; i < ids.size(); ++i) {
    const auto row = session.last_logits(0, part(ids, i, i + 1));
    logits.insert(logits.end(), row.begin(), row.end());
  }
  check.expect_logits(reference::Decoder(weights.desc()).logits(ids), logits, "40 tokens at once, 24 one by one",
                      {session.vocab()});
}

void narrow_checkpoints(Check& check) {
  TestModel half(TestModel::small(), IB_DTYPE_F16);
  expect_gpt2(check, half, "tensors in F16");
  TestModel brain(TestModel::small(), IB_DTYPE_BF16);
  expect_gpt2(check, brain, "tensors in BF16");
}

void untied_head(Check& check) {
  ModelConfig config = TestModel::small();
  config.tied_head = false;
  TestModel weights(config);
  expect_gpt2(check, weights, "a separate lm_head.weight");
}

void activations(Check& check) {
  for (const auto& [name, activation] :
       {std::pair{"gelu_new", IB_ACTIVATION_GELU_TANH}, std::pair{"gelu", IB_ACTIVATION_GELU_ERF},
        std::pair{"relu", IB_ACTIVATION_RELU}}) {
    ModelConfig config = TestModel::small();
    config.activation = activation;
    TestModel weights(config);
    expect_gpt2(check, weights, name, true);
  }
}

void attention_scales(Check& check) {
  for (const int flags : {0, 2, 3}) {  // 1 is the usual value
    ModelConfig config = TestModel::small();
    config.scale_attn_weights = (flags & 1) != 0;
    config.scale_attn_by_inverse_layer = (flags & 2) != 0;
    TestModel weights(config);
    expect_gpt2(check, weights,
                fmt::format("scale_attn_weights {}, scale_attn_by_inverse_layer {}", config.scale_attn_weights,
                            config.scale_attn_by_inverse_layer));
  }
}

void layer_norm_epsilon(Check& check) {
  ModelConfig config = TestModel::small();
  config.layer_norm_epsilon = 0.5;
  TestModel weights(config);
  expect_gpt2(check, weights, "layer_norm_epsilon 0.5");
}

void odd_shapes(Check& check) {
  ModelConfig config;
  config.n_layers = 3;
  config.n_heads = 3;
  config.width = 36;
  config.inner = 50;
  config.context = 37;
  config.vocab = 101;
  TestModel odd(config);
  expect_gpt2(check, odd, "width 36, 3 heads, inner 50, context 37, vocabulary 101", true);
  config.n_layers = config.n_heads = config.width = config.inner = config.vocab = 1;
  config.width = config.inner = 2;
  config.vocab = 3;
  TestModel least(config);
  expect_gpt2(check, least, "one layer, one head, width 2", true);
}

void weights_are_copied(Check& check) {
  const auto ids = test_tokens(20);
  for (const std::int32_t dtype : {IB_DTYPE_F32, IB_DTYPE_F16, IB_DTYPE_BF16}) {
    TestModel weights(TestModel::small(), dtype);
    const Candidate model(check.subject(), weights.desc());
    const Session session(model);
    const auto expected = session.last_logits(0, ids);
    weights.overwrite(std::byte{0xff});
    session.truncate(0);
    check.expect_same(expected, session.last_logits(0, ids), "after the caller's tensors were overwritten");
  }
}

void tensors_in_any_order(Check& check) {
  const auto ids = test_tokens(20);
  TestModel weights;
  const auto expected = Session(Candidate(check.subject(), weights.desc())).last_logits(0, ids);
  std::reverse(weights.tensors().begin(), weights.tensors().end());
  const auto found = Session(Candidate(check.subject(), weights.desc())).last_logits(0, ids);
  check.expect_same(expected, found, "tensors in reverse order");
}

constexpr Rule kNumericsRules[] = {
    {"numerics.logits_are_gpt2", "logits match the header's formulas at every position", logits_are_gpt2},
    {"numerics.decode_is_gpt2", "decoding one token at a time gives the same logits", decode_is_gpt2},
    {"numerics.narrow_checkpoints", "tensors in F16 and BF16 are converted correctly", narrow_checkpoints},
    {"numerics.untied_head", "lm_head.weight is used if the head is not tied", untied_head},
    {"numerics.activations", "gelu_new, gelu and relu give the right logits, or are unsupported", activations},
    {"numerics.attention_scales", "both flags of the attention scale are honoured", attention_scales},
    {"numerics.layer_norm_epsilon", "the model's layer_norm_epsilon is used", layer_norm_epsilon},
    {"numerics.odd_shapes", "odd sizes work, or are unsupported", odd_shapes},
    {"numerics.weights_are_copied", "tensors may be unmapped once model_create has returned", weights_are_copied},
    {"numerics.tensors_in_any_order", "tensors are found by name, whatever their order", tensors_in_any_order}};

}  // namespace

std::span<const Rule> numerics_rules() {
  return kNumericsRules;
}

}  // namespace inferbench::conformance
