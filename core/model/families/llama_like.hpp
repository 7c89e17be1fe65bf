// SPDX-License-Identifier: Apache-2.0
// What Llama, Mistral, Qwen and Gemma share.
#pragma once

#include <optional>
#include <string_view>
#include <vector>

#include "model/families/family.hpp"

namespace inferbench {

/// Where a family's defaults differ from those of others. They are transformers'.
struct LlamaLikeDefaults {
  bool tied_head = false;
  std::optional<std::int32_t> head_dim;  ///< absent: hidden_size / n_heads
  const char* activation_key = "hidden_act";
  std::int32_t activation = IB_ACTIVATION_SILU;
  /// Of the sizes; those that are 0 must be in the file.
  std::int32_t n_layers = 0;
  std::int32_t n_heads = 0;
  std::int32_t n_kv_heads = 0;
  std::int32_t hidden_size = 0;
  std::int32_t intermediate_size = 0;
  std::int32_t max_positions = 0;
  std::int32_t vocab_size = 0;
};

/// Sizes, epsilon, activation and head of a model with RMS norms, rotary positions and a gated MLP, without biases.
/// Leaves `layers` and the rotary tables to the caller.
ModelConfig read_llama_like(const ConfigFields& fields, const LlamaLikeDefaults& defaults = {});

/// The tensors of `config`, each stored in a tensor of its own, under the name of safetensors_names.hpp.
std::vector<StoredTensor> llama_like_tensors(const ModelConfig& config);

/// Whether `name` is a table of rotary frequencies, which old checkpoints store; they follow from config.json.
bool is_rotary_buffer(std::string_view name);

}  // namespace inferbench
