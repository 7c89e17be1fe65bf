// SPDX-License-Identifier: Apache-2.0
// Mistral: Llama, with a sliding window in all layers or in none.
#include "model/families/families.hpp"
#include "model/families/layer_windows.hpp"
#include "model/families/llama_like.hpp"
#include "model/families/rotary_tables.hpp"

namespace inferbench {
namespace {

constexpr std::array<std::string_view, 1> kMistralTypes = {"mistral"};
constexpr std::array<std::string_view, 2> kMistralArchitectures = {"MistralForCausalLM", "MistralModel"};

constexpr std::array<SyntheticShape, 1> kMistralShapes = {{
    {"mistral-7b-v0.3",
     R"({"model_type": "mistral", "num_hidden_layers": 32, "hidden_size": 4096, "num_attention_heads": 32,
        "num_key_value_heads": 8, "intermediate_size": 14336, "vocab_size": 32768, "max_position_embeddings": 32768,
        "rms_norm_eps": 1e-5, "rope_theta": 1000000, "sliding_window": null, "tie_word_embeddings": false,
        "eos_token_id": 2})"},
}};

ModelConfig read_mistral_config(const ConfigFields& fields) {
  ModelConfig config = read_llama_like(fields);
  const std::int32_t window = read_window(fields);
  require_like_layers(fields, config.n_layers, window > 0);
  set_like_layers(config, window, 0);
  add_rotary_table(config, read_rotary_table(fields, config));
  return config;
}

}  // namespace

constinit const Family kMistralFamily = {
    "Mistral",          kMistralTypes,    kMistralArchitectures, read_mistral_config,
    llama_like_tensors, is_rotary_buffer, kMistralShapes,        0.12F};

}  // namespace inferbench
