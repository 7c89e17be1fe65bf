// SPDX-License-Identifier: Apache-2.0
// Llama 1 to 3, and the models of others that are built as they are (SmolLM, TinyLlama).
#include "model/families/families.hpp"
#include "model/families/layer_windows.hpp"
#include "model/families/llama_like.hpp"
#include "model/families/rotary_tables.hpp"

namespace inferbench {
namespace {

constexpr std::array<std::string_view, 1> kLlamaTypes = {"llama"};
constexpr std::array<std::string_view, 2> kLlamaArchitectures = {"LlamaForCausalLM", "LlamaModel"};

constexpr std::array<SyntheticShape, 4> kLlamaShapes = {{
    {"smollm2-135m", R"({"model_type": "llama", "num_hidden_layers": 30, "hidden_size": 576, "num_attention_heads": 9,
        "num_key_value_heads": 3, "intermediate_size": 1536, "vocab_size": 49152, "max_position_embeddings": 8192,
        "rms_norm_eps": 1e-5, "rope_theta": 100000, "tie_word_embeddings": true, "eos_token_id": 0})"},
    {"tinyllama-1.1b",
     R"({"model_type": "llama", "num_hidden_layers": 22, "hidden_size": 2048, "num_attention_heads": 32,
        "num_key_value_heads": 4, "intermediate_size": 5632, "vocab_size": 32000, "max_position_embeddings": 2048,
        "rms_norm_eps": 1e-5, "rope_theta": 10000, "tie_word_embeddings": false, "eos_token_id": 2})"},
    {"llama-3.2-1b",
     R"({"model_type": "llama", "num_hidden_layers": 16, "hidden_size": 2048, "num_attention_heads": 32,
        "num_key_value_heads": 8, "intermediate_size": 8192, "vocab_size": 128256, "max_position_embeddings": 131072,
        "rms_norm_eps": 1e-5, "rope_theta": 500000, "tie_word_embeddings": true, "eos_token_id": 128001,
        "rope_scaling": {"rope_type": "llama3", "factor": 32, "low_freq_factor": 1, "high_freq_factor": 4,
                         "original_max_position_embeddings": 8192}})"},
    {"llama-3.2-3b",
     R"({"model_type": "llama", "num_hidden_layers": 28, "hidden_size": 3072, "num_attention_heads": 24,
        "num_key_value_heads": 8, "intermediate_size": 8192, "vocab_size": 128256, "max_position_embeddings": 131072,
        "rms_norm_eps": 1e-5, "rope_theta": 500000, "tie_word_embeddings": true, "eos_token_id": 128001,
        "rope_scaling": {"rope_type": "llama3", "factor": 32, "low_freq_factor": 1, "high_freq_factor": 4,
                         "original_max_position_embeddings": 8192}})"},
}};

ModelConfig read_llama_config(const ConfigFields& fields) {
  ModelConfig config = read_llama_like(fields);
  config.qkv_bias = config.attn_out_bias = fields.boolean("attention_bias", false);
  config.mlp_bias = fields.boolean("mlp_bias", false);
  require_like_layers(fields, config.n_layers, false);
  set_like_layers(config, 0, 0);
  add_rotary_table(config, read_rotary_table(fields, config));
  return config;
}

}  // namespace

constinit const Family kLlamaFamily = {
    "Llama",      kLlamaTypes, kLlamaArchitectures, read_llama_config, llama_like_tensors, is_rotary_buffer,
    kLlamaShapes, 0.12F};

}  // namespace inferbench
