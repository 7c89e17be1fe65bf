// SPDX-License-Identifier: Apache-2.0
// Gemma 2: every other layer slides, scores and logits are capped.
#include "model/families/families.hpp"
#include "model/families/gemma_like.hpp"
#include "model/families/layer_windows.hpp"
#include "model/families/rotary_tables.hpp"

namespace inferbench {
namespace {

constexpr std::array<std::string_view, 1> kGemma2Types = {"gemma2"};
constexpr std::array<std::string_view, 2> kGemma2Architectures = {"Gemma2ForCausalLM", "Gemma2Model"};

constexpr std::array<SyntheticShape, 1> kGemma2Shapes = {{
    {"gemma-2-2b",
     R"({"model_type": "gemma2", "num_hidden_layers": 26, "hidden_size": 2304, "num_attention_heads": 8,
        "num_key_value_heads": 4, "head_dim": 256, "intermediate_size": 9216, "vocab_size": 256000,
        "max_position_embeddings": 8192, "rms_norm_eps": 1e-6, "rope_theta": 10000, "sliding_window": 4096,
        "query_pre_attn_scalar": 256, "attn_logit_softcapping": 50.0, "final_logit_softcapping": 30.0,
        "eos_token_id": 1})"},
}};

ModelConfig read_gemma2_config(const ConfigFields& fields) {
  GemmaDefaults defaults;
  defaults.attention_soft_cap = 50;
  defaults.logit_soft_cap = 30;
  ModelConfig config = read_gemma_like(fields, defaults);
  const std::int32_t window = read_window(fields);
  const auto sliding = sliding_layers(fields, config.n_layers, [](std::int32_t i) { return i % 2 == 0; });
  for (std::size_t i = 0; i < sliding.size(); ++i) {
    config.layers[i].window = sliding[i] ? window : 0;
    config.layers[i].rotary_table = 0;
  }
  add_rotary_table(config, read_rotary_table(fields, config));
  return config;
}

}  // namespace

constinit const Family kGemma2Family = {
    "Gemma 2",          kGemma2Types,     kGemma2Architectures, read_gemma2_config,
    gemma_like_tensors, is_rotary_buffer, kGemma2Shapes,        kGemmaEmbeddingAmplitude};

}  // namespace inferbench
