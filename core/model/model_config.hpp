// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cmath>
#include <cstdint>
#include <string>
#include <vector>

#include "inferbench/backend.h"
#include "inferbench/decoder.hpp"

inline bool operator==(const ib_layer_desc& a, const ib_layer_desc& b) {
  return a.window == b.window && a.rotary_table == b.rotary_table && a.attention_scale == b.attention_scale;
}

namespace inferbench {

/// A dense decoder as ib_model_desc describes it, without its tensors, and what the text side needs of the model's
/// files. The defaults are GPT-2's.
struct ModelConfig {
  std::string model_type = "gpt2";  ///< as in config.json
  std::int32_t n_layers = 0;
  std::int32_t n_heads = 0;
  std::int32_t n_kv_heads = 0;
  std::int32_t head_dim = 0;
  std::int32_t hidden_size = 0;
  std::int32_t intermediate_size = 0;
  std::int32_t max_positions = 0;
  std::int32_t vocab_size = 0;
  std::int32_t norm = IB_NORM_LAYER;
  std::int32_t activation = IB_ACTIVATION_GELU_TANH;
  bool learned_positions = true;
  bool qkv_bias = true;
  bool attn_out_bias = true;
  bool mlp_bias = true;
  bool qk_norm = false;
  bool post_norm = false;
  bool gated = false;
  bool tied_head = true;
  double norm_epsilon = 1e-5;
  double embedding_scale = 1;
  double attention_soft_cap = 0;
  double logit_soft_cap = 0;
  std::vector<ib_layer_desc> layers;       ///< [n_layers]
  std::vector<double> rotary_frequencies;  ///< [tables, head_dim / 2]
  std::vector<double> rotary_scales;       ///< [tables]
  std::vector<std::int32_t> end_tokens;    ///< each ends a text; ascending, within the vocabulary; empty: none

  friend bool operator==(const ModelConfig&, const ModelConfig&) = default;
};

/// Fills `layers`: all alike, with `window`, the rotary table, and 1 / sqrt(head_dim) as the attention's scale.
inline void set_like_layers(ModelConfig& config, std::int32_t window = 0, std::int32_t rotary_table = -1) {
  config.layers.assign(static_cast<std::size_t>(config.n_layers),
                       {window, rotary_table, 1 / std::sqrt(static_cast<double>(config.head_dim))});
}

/// Sets all sizes of a GPT-2 model, and its layers; the MLP is 4 x hidden_size wide. hidden_size is a multiple of
/// n_heads.
inline void set_gpt2_sizes(ModelConfig& config, std::int32_t n_layers, std::int32_t n_heads, std::int32_t hidden_size,
                           std::int32_t max_positions, std::int32_t vocab_size) {
  config.n_layers = n_layers;
  config.n_heads = config.n_kv_heads = n_heads;
  config.head_dim = hidden_size / n_heads;
  config.hidden_size = hidden_size;
  config.intermediate_size = 4 * hidden_size;
  config.max_positions = max_positions;
  config.vocab_size = vocab_size;
  set_like_layers(config);
}

/// The description without tensors; it borrows from `config`.
inline ib_model_desc model_desc(const ModelConfig& config) {
  ib_model_desc desc = {};
  desc.struct_size = sizeof(desc);
  desc.n_layers = config.n_layers;
  desc.n_heads = config.n_heads;
  desc.n_kv_heads = config.n_kv_heads;
  desc.head_dim = config.head_dim;
  desc.hidden_size = config.hidden_size;
  desc.intermediate_size = config.intermediate_size;
  desc.max_positions = config.max_positions;
  desc.vocab_size = config.vocab_size;
  desc.norm = config.norm;
  desc.activation = config.activation;
  desc.learned_positions = config.learned_positions ? 1 : 0;
  desc.qkv_bias = config.qkv_bias ? 1 : 0;
  desc.attn_out_bias = config.attn_out_bias ? 1 : 0;
  desc.mlp_bias = config.mlp_bias ? 1 : 0;
  desc.qk_norm = config.qk_norm ? 1 : 0;
  desc.post_norm = config.post_norm ? 1 : 0;
  desc.gated = config.gated ? 1 : 0;
  desc.tied_head = config.tied_head ? 1 : 0;
  desc.norm_epsilon = config.norm_epsilon;
  desc.embedding_scale = config.embedding_scale;
  desc.attention_soft_cap = config.attention_soft_cap;
  desc.logit_soft_cap = config.logit_soft_cap;
  desc.layers = config.layers.data();
  desc.rotary_frequencies = config.rotary_frequencies.empty() ? nullptr : config.rotary_frequencies.data();
  desc.rotary_scales = config.rotary_scales.empty() ? nullptr : config.rotary_scales.data();
  desc.n_rotary_tables = static_cast<std::int32_t>(config.rotary_scales.size());
  return desc;
}

/// Number of elements of all tensors; a tied head counts once.
inline std::uint64_t count_parameters(const ModelConfig& config) {
  std::uint64_t n = 0;
  for (const decoder::TensorSpec& spec : decoder::tensors(model_desc(config))) {
    n += static_cast<std::uint64_t>(spec.n_elements());
  }
  return n;
}

}  // namespace inferbench
