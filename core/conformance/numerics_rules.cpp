// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "conformance/rules.hpp"
#include "reference/decoder.hpp"

namespace inferbench::conformance {

namespace {

// Checks all logits of a sequence of max_positions tokens.
void expect_right(Check& check, TestModel& weights, const std::string& what, bool may_be_unsupported = false) {
  const ModelConfig& config = weights.config();
  const auto ids = test_tokens(static_cast<std::size_t>(config.max_positions), 1, config.vocab_size);
  const Candidate model(check.subject(), weights.desc());
  if (may_be_unsupported && model.status() == IB_UNSUPPORTED) {
    return check.not_tried(fmt::format("{}: unsupported: {}", what, model.error().message));
  }
  check.expect_logits(reference::Decoder(weights.desc()).logits(ids), Session(model).all_logits(0, ids), what,
                      {config.vocab_size});
}

void logits_match(Check& check) {
  for (const NamedConfig& base : check.subject().bases()) {
    for (const std::uint64_t seed : {1U, 2U}) {
      TestModel weights(base.config, IB_DTYPE_F32, seed);
      expect_right(check, weights, fmt::format("{}weights of seed {}", base.name, seed));
    }
  }
}

// The prompt in one call, then one token at a time, as in text generation.
void decode_matches(Check& check) {
  for (const NamedConfig& base : check.subject().bases()) {
    TestModel weights(base.config);
    const Candidate model(check.subject(), weights.desc());
    const Session session(model);
    const auto ids = test_tokens(64);
    std::vector<float> logits = session.all_logits(0, part(ids, 0, 40));
    for (std::size_t i = 40; i < ids.size(); ++i) {
      const auto row = session.last_logits(0, part(ids, i, i + 1));
      logits.insert(logits.end(), row.begin(), row.end());
    }
    check.expect_logits(reference::Decoder(weights.desc()).logits(ids), logits,
                        base.name + "40 tokens at once, 24 one by one", {session.vocab()});
  }
}

constexpr std::pair<const char*, std::int32_t> kDtypes[] = {
    {"F32", IB_DTYPE_F32}, {"F16", IB_DTYPE_F16}, {"BF16", IB_DTYPE_BF16}};

void narrow_checkpoints(Check& check) {
  for (const auto& [name, dtype] : kDtypes) {
    if (dtype == IB_DTYPE_F32) continue;
    TestModel weights(check.subject().plain(), dtype);
    expect_right(check, weights, fmt::format("tensors in {}", name));
  }
}

// The same values lie in memory in another way.
void strided_weights(Check& check) {
  const auto ids = test_tokens(20);
  for (const NamedConfig& base : check.subject().bases()) {
    for (const auto& [dtype_name, dtype] : kDtypes) {
      TestModel dense(base.config, dtype);
      const auto expected = Session(Candidate(check.subject(), dense.desc())).all_logits(0, ids);
      for (const auto& [name, storage] :
           {std::pair{"matrices stored column by column", Storage::kInputsFirst},
            std::pair{"queries, keys and values in one matrix", Storage::kFused},
            std::pair{"queries, keys and values in one matrix, column by column", Storage::kFusedInputsFirst},
            std::pair{"gaps between rows and between the values of vectors", Storage::kPadded}}) {
        TestModel strided(base.config, dtype, 1, storage);
        const auto found = Session(Candidate(check.subject(), strided.desc())).all_logits(0, ids);
        check.expect_near(expected, found, fmt::format("{}{} tensors, {}", base.name, dtype_name, name));
      }
    }
  }
}

void untied_head(Check& check) {
  ModelConfig config = check.subject().plain();
  config.tied_head = false;
  TestModel weights(config);
  expect_right(check, weights, "a separate head.weight");
}

void attention_scales(Check& check) {
  ModelConfig config = check.subject().plain();
  config.layers[0].attention_scale = 1;
  TestModel unscaled(config);
  expect_right(check, unscaled, "attention_scale 1 in layer 0");
  config.layers[0].attention_scale = 0.25;
  config.layers[1].attention_scale = 0.07;
  TestModel different(config);
  expect_right(check, different, "attention_scale 0.25 in layer 0, 0.07 in layer 1");
}

void norm_epsilon(Check& check) {
  for (const NamedConfig& base : check.subject().bases()) {
    ModelConfig config = base.config;
    config.norm_epsilon = 0.5;
    TestModel weights(config);
    expect_right(check, weights, base.name + "norm_epsilon 0.5");
  }
}

void odd_shapes(Check& check) {
  ModelConfig config = check.subject().plain();
  set_gpt2_sizes(config, 3, 3, 36, 37, 101);
  config.intermediate_size = 50;
  if (!config.rotary_scales.empty()) set_rotary(config, {1});
  TestModel odd(config);
  expect_right(check, odd, "hidden size 36, 3 heads, intermediate size 50, 37 positions, vocabulary 101", true);
  set_gpt2_sizes(config, 1, 1, 2, 37, 3);
  config.intermediate_size = 2;
  if (!config.rotary_scales.empty()) set_rotary(config, {1});
  TestModel least(config);
  expect_right(check, least, "one layer, one head, hidden size 2", true);
}

void weights_are_copied(Check& check) {
  const auto ids = test_tokens(20);
  for (const auto& [name, dtype] : kDtypes) {
    TestModel weights(check.subject().plain(), dtype);
    const Candidate model(check.subject(), weights.desc());
    const Session session(model);
    const auto expected = session.last_logits(0, ids);
    weights.overwrite(std::byte{0xff});
    session.truncate(0);
    check.expect_same(expected, session.last_logits(0, ids),
                      fmt::format("after the caller's {} tensors were overwritten", name));
  }
}

void tensors_in_any_order(Check& check) {
  const auto ids = test_tokens(20);
  TestModel weights(check.subject().plain());
  const auto expected = Session(Candidate(check.subject(), weights.desc())).last_logits(0, ids);
  std::reverse(weights.tensors().begin(), weights.tensors().end());
  const auto found = Session(Candidate(check.subject(), weights.desc())).last_logits(0, ids);
  check.expect_same(expected, found, "tensors in reverse order");
}

constexpr Rule kNumericsRules[] = {
    {"numerics.logits_match", "logits match the header's formulas at every position", logits_match},
    {"numerics.decode_matches", "decoding one token at a time gives the same logits", decode_matches},
    {"numerics.narrow_checkpoints", "tensors in F16 and BF16 are converted correctly", narrow_checkpoints},
    {"numerics.strided_weights", "tensors are read by their strides, whichever way they lie in memory",
     strided_weights},
    {"numerics.untied_head", "head.weight is used if the head is not tied", untied_head},
    {"numerics.attention_scales", "each layer's attention_scale is used", attention_scales},
    {"numerics.norm_epsilon", "the model's norm_epsilon is used", norm_epsilon},
    {"numerics.odd_shapes", "odd sizes work, or are unsupported", odd_shapes},
    {"numerics.weights_are_copied", "tensors may be unmapped once model_create has returned", weights_are_copied},
    {"numerics.tensors_in_any_order", "tensors are found by name, whatever their order", tensors_in_any_order}};

}  // namespace

std::span<const Rule> numerics_rules() {
  return kNumericsRules;
}

}  // namespace inferbench::conformance
