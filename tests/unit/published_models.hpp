// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstdint>

#include "model/model_config.hpp"

namespace inferbench {

/// Sizes as in the models' config.json, and how many parameters their publishers count.
struct PublishedModel {
  const char* name;
  double n_parameters;
  std::int32_t n_layers, hidden_size, n_heads, n_kv_heads, head_dim, intermediate_size, vocab_size;
  bool tied_head, qkv_bias, qk_norm, post_norm;
};

inline constexpr PublishedModel kLlama1b{"Llama-3.2-1B", 1235814400, 16,   2048,  32,    8,    64,
                                         8192,           128256,     true, false, false, false};
inline constexpr PublishedModel kGemma3{"gemma-3-1b", 999885952, 26,   1152,  4,    1,   256,
                                        6912,         262144,    true, false, true, true};
inline constexpr std::array<PublishedModel, 8> kPublishedModels = {
    kLlama1b,
    kGemma3,
    PublishedModel{"SmolLM2-135M", 134515008, 30, 576, 9, 3, 64, 1536, 49152, true, false, false, false},
    PublishedModel{"Qwen2.5-0.5B", 494032768, 24, 896, 14, 2, 64, 4864, 151936, true, true, false, false},
    PublishedModel{"Qwen3-0.6B", 596049920, 28, 1024, 16, 8, 128, 3072, 151936, true, false, true, false},
    PublishedModel{"TinyLlama-1.1B", 1100048384, 22, 2048, 32, 4, 64, 5632, 32000, false, false, false, false},
    PublishedModel{"gemma-2-2b", 2614341888, 26, 2304, 8, 4, 256, 9216, 256000, true, false, false, true},
    PublishedModel{"Mistral-7B-v0.3", 7248023552, 32, 4096, 32, 8, 128, 14336, 32768, false, false, false, false},
};

/// A description of the Llama kind: RMS norm, rotary positions, a gated MLP. Every layer uses rotary table 0 and,
/// unless `window` is 0, sees the nearest `window` positions.
inline ModelConfig config_of(const PublishedModel& model, std::int32_t window = 0) {
  ModelConfig config;
  config.n_layers = model.n_layers;
  config.hidden_size = model.hidden_size;
  config.n_heads = model.n_heads;
  config.n_kv_heads = model.n_kv_heads;
  config.head_dim = model.head_dim;
  config.intermediate_size = model.intermediate_size;
  config.vocab_size = model.vocab_size;
  config.max_positions = 8192;
  config.norm = IB_NORM_RMS;
  config.activation = IB_ACTIVATION_SILU;
  config.learned_positions = config.attn_out_bias = config.mlp_bias = false;
  config.gated = true;
  config.tied_head = model.tied_head;
  config.qkv_bias = model.qkv_bias;
  config.qk_norm = model.qk_norm;
  config.post_norm = model.post_norm;
  config.rotary_frequencies.assign(static_cast<std::size_t>(model.head_dim) / 2, 1.0);
  config.rotary_scales = {1.0};
  set_like_layers(config, window, 0);
  return config;
}

inline ModelConfig gpt2_config() {
  ModelConfig config;
  set_gpt2_sizes(config, 12, 12, 768, 1024, 50257);
  return config;
}

}  // namespace inferbench
