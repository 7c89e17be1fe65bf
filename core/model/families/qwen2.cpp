// SPDX-License-Identifier: Apache-2.0
// Qwen 2 and 2.5: Llama, with biases of query, key and value.
#include "model/families/families.hpp"
#include "model/families/layer_windows.hpp"
#include "model/families/llama_like.hpp"
#include "model/families/rotary_tables.hpp"

namespace inferbench {
namespace {

constexpr std::array<std::string_view, 1> kQwen2Types = {"qwen2"};
constexpr std::array<std::string_view, 2> kQwen2Architectures = {"Qwen2ForCausalLM", "Qwen2Model"};

constexpr std::array<SyntheticShape, 2> kQwen2Shapes = {{
    {"qwen2.5-0.5b", R"({"model_type": "qwen2", "num_hidden_layers": 24, "hidden_size": 896, "num_attention_heads": 14,
        "num_key_value_heads": 2, "intermediate_size": 4864, "vocab_size": 151936, "max_position_embeddings": 32768,
        "rms_norm_eps": 1e-6, "rope_theta": 1000000, "tie_word_embeddings": true, "eos_token_id": 151643})"},
    {"qwen2.5-1.5b", R"({"model_type": "qwen2", "num_hidden_layers": 28, "hidden_size": 1536, "num_attention_heads": 12,
        "num_key_value_heads": 2, "intermediate_size": 8960, "vocab_size": 151936, "max_position_embeddings": 131072,
        "rms_norm_eps": 1e-6, "rope_theta": 1000000, "tie_word_embeddings": true, "eos_token_id": 151643})"},
}};

ModelConfig read_qwen2_config(const ConfigFields& fields) {
  ModelConfig config = read_llama_like(fields);
  config.qkv_bias = true;
  set_qwen_layers(config, fields);
  add_rotary_table(config, read_rotary_table(fields, config));
  return config;
}

}  // namespace

constinit const Family kQwen2Family = {"Qwen 2",           kQwen2Types,      kQwen2Architectures, read_qwen2_config,
                                       llama_like_tensors, is_rotary_buffer, kQwen2Shapes,        0.12F};

}  // namespace inferbench
