// SPDX-License-Identifier: Apache-2.0
// Gemma 3, the text part: five sliding layers to each full one, and a rotary table for either kind. A model that also
// reads images has its text part under text_config; its vision tower is left alone.
#include <nlohmann/json.hpp>

#include "model/families/families.hpp"
#include "model/families/gemma_like.hpp"
#include "model/families/layer_windows.hpp"
#include "model/families/rotary_tables.hpp"

namespace inferbench {
namespace {

constexpr std::array<std::string_view, 2> kGemma3Types = {"gemma3_text", "gemma3"};
constexpr std::array<std::string_view, 3> kGemma3Architectures = {"Gemma3ForCausalLM", "Gemma3TextModel",
                                                                  "Gemma3ForConditionalGeneration"};

constexpr std::array<SyntheticShape, 1> kGemma3Shapes = {{
    {"gemma-3-1b",
     R"({"model_type": "gemma3_text", "num_hidden_layers": 26, "hidden_size": 1152, "num_attention_heads": 4,
        "num_key_value_heads": 1, "head_dim": 256, "intermediate_size": 6912, "vocab_size": 262144,
        "max_position_embeddings": 32768, "rms_norm_eps": 1e-6, "rope_theta": 1000000, "rope_local_base_freq": 10000,
        "sliding_window": 512, "sliding_window_pattern": 6, "query_pre_attn_scalar": 256, "eos_token_id": 1})"},
}};

constexpr std::int32_t kFullTable = 0;
constexpr std::int32_t kSlidingTable = 1;

// A published text_config leaves out what the configuration class has as its defaults.
GemmaDefaults gemma3_defaults() {
  GemmaDefaults defaults;
  defaults.sizes.n_layers = 26;
  defaults.sizes.n_heads = 8;
  defaults.sizes.n_kv_heads = 4;
  defaults.sizes.hidden_size = 2304;
  defaults.sizes.intermediate_size = 9216;
  defaults.sizes.max_positions = 131072;
  defaults.sizes.vocab_size = 262208;
  return defaults;
}

// The second table is for sliding layers. rope_parameters, of transformers 5, has an object for each; before, only
// full layers could have a scaling rule.
void add_gemma3_tables(ModelConfig& config, const ConfigFields& fields) {
  const std::optional<ConfigFields> both = fields.object("rope_parameters");
  std::optional<ConfigFields> full = fields.object("rope_scaling");
  std::optional<ConfigFields> sliding;
  if (both) {
    if (full) fields.fail("rope_scaling", "stands beside rope_parameters", "keep one of the two");
    full = both->object("full_attention");
    sliding = both->object("sliding_attention");
    if (!full) both->fail_missing("full_attention");
    if (!sliding) both->fail_missing("sliding_attention");
  }
  add_rotary_table(config, rotary_table(full, read_rope_theta(fields, full, "rope_theta", 1e6), config));
  add_rotary_table(config,
                   rotary_table(sliding, read_rope_theta(fields, sliding, "rope_local_base_freq", 1e4), config));
}

ModelConfig read_gemma3_text(const ConfigFields& fields) {
  ModelConfig config = read_gemma_like(fields, gemma3_defaults());
  config.qk_norm = true;
  const std::int32_t window = read_window(fields);
  const char* key =
      fields.find("sliding_window_pattern") != nullptr ? "sliding_window_pattern" : "_sliding_window_pattern";
  const std::int32_t pattern = fields.size(key, config_limits::kLayers, 6);
  const auto sliding =
      sliding_layers(fields, config.n_layers, [pattern](std::int32_t i) { return (i + 1) % pattern != 0; });
  for (std::size_t i = 0; i < sliding.size(); ++i) {
    config.layers[i].window = sliding[i] ? window : 0;
    config.layers[i].rotary_table = sliding[i] ? kSlidingTable : kFullTable;
  }
  add_gemma3_tables(config, fields);
  return config;
}

ModelConfig read_gemma3_config(const ConfigFields& fields) {
  const std::optional<ConfigFields> text = fields.object("text_config");
  if (*fields.find("model_type") == "gemma3_text") return read_gemma3_text(fields);
  if (!text) fields.fail_missing("text_config");
  const nlohmann::json* type = text->find("model_type");
  if (type != nullptr && *type != "gemma3_text") {
    text->fail("model_type", shown(*type) + " is not supported", "\"gemma3_text\" is supported");
  }
  ModelConfig config = read_gemma3_text(*text);
  config.tied_head = fields.boolean("tie_word_embeddings", config.tied_head);
  return config;
}

bool is_unused_in_gemma3(std::string_view name) {
  return is_rotary_buffer(name) || name.starts_with("vision_tower.") || name.starts_with("multi_modal_projector.");
}

}  // namespace

constinit const Family kGemma3Family = {
    "Gemma 3",          kGemma3Types,        kGemma3Architectures, read_gemma3_config,
    gemma_like_tensors, is_unused_in_gemma3, kGemma3Shapes,        kGemmaEmbeddingAmplitude};

}  // namespace inferbench
