// SPDX-License-Identifier: Apache-2.0
#include "conformance/case_weights.hpp"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <string>
#include <vector>

#include "inferbench/decoder.hpp"
#include "model/synthetic_formula.hpp"
#include "reference/operators.hpp"

namespace inferbench::conformance {

namespace {

constexpr std::uint64_t kSeed = 31;

float uniform(std::uint64_t stream, std::size_t i) {
  return static_cast<float>(synthetic_bits(stream, i) >> 40U) * 0x1p-24F;
}

// ---- exact weights ----

// Value i of a matrix in which each output channel (row) has one sign and all values have one magnitude or are 0.
float exact_value(const ib_tensor& tensor, std::uint64_t stream, std::size_t i, float magnitude, double density) {
  const std::size_t channel = i / static_cast<std::size_t>(tensor.shape[1]);
  const float sign = synthetic_bits(stream + 1, channel) % 2 == 0 ? 1.0F : -1.0F;
  return uniform(stream, i) < density ? sign * magnitude : 0.0F;
}

// ---- what cases switch off ----

void clear_if_there(TestModel& model, const std::string& name) {
  if (model.has(name)) model.clear(name);
}

std::string in_layer(std::int32_t layer, const std::string& name) {
  return decoder::layer_tensor_name(layer, name);
}

// The attention, or the MLP, of a layer adds nothing.
void clear_block(TestModel& model, std::int32_t layer, bool mlp) {
  for (const char* part : {".weight", ".bias"}) {
    clear_if_there(model, in_layer(layer, mlp ? "mlp_down" : "attn_out") + part);
    clear_if_there(model, in_layer(layer, mlp ? "mlp_post_norm" : "attn_post_norm") + part);
  }
}

void keep_only(TestModel& model, std::int32_t layer, bool mlp) {
  for (std::int32_t i = 0; i < model.config().n_layers; ++i) {
    for (const bool other : {false, true}) {
      if (i != layer || mlp != other) clear_block(model, i, other);
    }
  }
}

void scale_all(TestModel& model, const std::vector<std::string>& names, float factor) {
  for (const std::string& name : names) {
    if (model.has(name)) model.assign(name, [factor](std::size_t, float old) { return old * factor; });
  }
}

// ---- cases whose values are known in advance ----

// A random sign per value, and its negative at the neighbour, so that rows have the mean 0.
float balanced_sign(std::uint64_t stream, std::size_t i) {
  const float sign = synthetic_bits(stream, i / 2) % 2 == 0 ? 1.0F : -1.0F;
  return i % 2 == 0 ? sign : -sign;
}

}  // namespace

void make_exact(TestModel& model) {
  constexpr float kSteps = 16;  // vectors are multiples of 1/16
  for (const ib_tensor& tensor : model.tensors()) {
    const std::string name = tensor.name;
    const std::uint64_t stream = synthetic_stream(name, kSeed);
    if (tensor.rank == 1) {
      model.assign(name, [&](std::size_t, float old) { return std::round(old * kSteps) / kSteps; });
      continue;
    }
    // About 32 nonzero inputs per channel, so that sums stay as large as with few inputs.
    const bool is_linear = name.starts_with("layer.");
    const double density = is_linear ? std::min(0.5, 32.0 / static_cast<double>(tensor.shape[1])) : 0.5;
    const float magnitude = name == "token_embedding.weight" || name == "head.weight" ? 0.5F : 0.25F;
    model.assign(name, [&](std::size_t i, float) { return exact_value(tensor, stream, i, magnitude, density); });
  }
}

void no_blocks(TestModel& model) {
  keep_only(model, -1, false);
}

void only_attention_0(TestModel& model) {
  keep_only(model, 0, false);
}

void only_mlp_0(TestModel& model) {
  keep_only(model, 0, true);
}

void only_attention_1(TestModel& model) {
  keep_only(model, 1, false);
}

void only_mlp_1(TestModel& model) {
  keep_only(model, 1, true);
}

// Queries and keys are 0: every token attends evenly to all that it sees.
void even_attention(TestModel& model) {
  for (const char* name : {"attn_q.weight", "attn_q.bias", "attn_k.weight", "attn_k.bias"}) {
    clear_if_there(model, in_layer(0, name));
  }
}

void small_scores(TestModel& model) {
  for (const std::int32_t layer : {0, 1}) {
    for (const char* name : {"attn_q", "attn_k"}) {
      scale_all(model, {in_layer(layer, name) + ".weight", in_layer(layer, name) + ".bias"}, 0.5F);
    }
  }
}

// So small that the epsilon of 1e-5 matters as much as the variance.
void small_embeddings(TestModel& model) {
  scale_all(model, {"token_embedding.weight", "position_embedding.weight"}, 1.0F / 256);
}

// Every MLP activation is activation(-2.75), where the two GELUs differ by 6% and the others by more. Half of each
// embedding is +-7 for all tokens, half +-1, different for each token. Any norm makes +-1.4 of the first half, and its
// weight +-1. The projection cancels most of the first half, so that what is left of it depends on the activation.
// Rounding of inputs and weights plays no part.
void constant_activation(TestModel& model) {
  constexpr float kInput = -2.75F;
  constexpr float kCommon = 7;
  only_mlp_0(model);
  const ModelConfig& config = model.config();
  const auto hidden = static_cast<std::size_t>(config.hidden_size);
  const auto is_common = [](std::size_t i) { return i % 4 < 2; };
  const auto sign = [](std::size_t i) { return i % 2 == 0 ? 1.0F : -1.0F; };  // of the common half
  for (const char* name : {"mlp_gate.bias", "mlp_up.bias", "mlp_down.bias", "mlp_norm.bias"}) {
    clear_if_there(model, in_layer(0, name));
  }
  clear_if_there(model, "position_embedding.weight");
  model.assign("token_embedding.weight", [&](std::size_t i, float) {
    return is_common(i % hidden) ? kCommon * sign(i) : balanced_sign(kSeed, i);
  });
  model.assign(in_layer(0, "mlp_norm.weight"), [](std::size_t, float) { return 5.0F / 7; });
  // Inner value o is a common input times `factor`.
  const auto take_one = [&](const char* name, float factor) {
    model.assign(in_layer(0, name), [&, factor](std::size_t i, float) {
      const std::size_t input = i / hidden % (hidden / 4) * 4;
      return i % hidden == input ? factor : 0.0F;
    });
  };
  take_one(config.gated ? "mlp_gate.weight" : "mlp_up.weight", kInput);
  if (config.gated) take_one("mlp_up.weight", 1);
  const double activated = reference::activate({kInput}, config.activation).front();
  const double cancels = kCommon / (std::max(std::abs(activated), 0.002) * config.intermediate_size);
  const float magnitude = static_cast<float>(std::ldexp(std::round(std::ldexp(cancels, 4)), -4));
  const auto inner = static_cast<std::size_t>(config.intermediate_size);
  model.assign(in_layer(0, "mlp_down.weight"),
               [&](std::size_t i, float) { return is_common(i / inner) ? magnitude * sign(i / inner) : 0.0F; });
}

// Normalized values are 1 and -1. The norm's weight and bias map them to 1 and -1 again (64 - 63). If the variance is
// divided by hidden_size - 1, only half of that remains.
void exact_variance(TestModel& model) {
  no_blocks(model);
  const auto hidden = static_cast<std::size_t>(model.config().hidden_size);
  const auto is_high = [=](std::size_t i) { return i % hidden % 4 < 2; };
  clear_if_there(model, "position_embedding.weight");
  model.assign("token_embedding.weight", [=](std::size_t i, float) { return is_high(i) ? 1.0F : 0.0F; });
  model.assign("final_norm.weight", [](std::size_t, float) { return 64.0F; });
  model.assign("final_norm.bias", [=](std::size_t i, float) { return is_high(i) ? -63.0F : 63.0F; });
}

}  // namespace inferbench::conformance
