// SPDX-License-Identifier: Apache-2.0
// Qwen 3, its dense models: Llama, with norms of each head's query and key.
#include "model/families/families.hpp"
#include "model/families/layer_windows.hpp"
#include "model/families/llama_like.hpp"
#include "model/families/rotary_tables.hpp"

namespace inferbench {
namespace {

constexpr std::array<std::string_view, 1> kQwen3Types = {"qwen3"};
constexpr std::array<std::string_view, 2> kQwen3Architectures = {"Qwen3ForCausalLM", "Qwen3Model"};

constexpr std::array<SyntheticShape, 1> kQwen3Shapes = {{
    {"qwen3-0.6b",
     R"({"model_type": "qwen3", "num_hidden_layers": 28, "hidden_size": 1024, "num_attention_heads": 16,
        "num_key_value_heads": 8, "head_dim": 128, "intermediate_size": 3072, "vocab_size": 151936,
        "max_position_embeddings": 40960, "rms_norm_eps": 1e-6, "rope_theta": 1000000, "tie_word_embeddings": true,
        "eos_token_id": 151645})"},
}};

ModelConfig read_qwen3_config(const ConfigFields& fields) {
  LlamaLikeDefaults defaults;
  defaults.head_dim = 128;
  ModelConfig config = read_llama_like(fields, defaults);
  config.qkv_bias = config.attn_out_bias = fields.boolean("attention_bias", false);
  config.qk_norm = true;
  set_qwen_layers(config, fields);
  add_rotary_table(config, read_rotary_table(fields, config));
  return config;
}

}  // namespace

constinit const Family kQwen3Family = {"Qwen 3",           kQwen3Types,      kQwen3Architectures, read_qwen3_config,
                                       llama_like_tensors, is_rotary_buffer, kQwen3Shapes,        0.12F};

}  // namespace inferbench
