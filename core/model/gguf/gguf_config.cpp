// SPDX-License-Identifier: Apache-2.0
#include "model/gguf/gguf_config.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <nlohmann/json.hpp>
#include <utility>

#include "model/config_fields.hpp"
#include "model/config_json.hpp"
#include "model/gguf/gguf_keys.hpp"
#include "model/in_quotes.hpp"
#include "support/counted.hpp"
#include "support/error.hpp"

namespace inferbench {
namespace {

using Json = nlohmann::json;

// An architecture of GGUF, and what config.json calls it.
struct Architecture {
  std::string_view name;
  const char* model_type;
};

constexpr std::array<Architecture, 6> kArchitectures = {{{"gpt2", "gpt2"},
                                                         {"llama", "llama"},
                                                         {"qwen2", "qwen2"},
                                                         {"qwen3", "qwen3"},
                                                         {"gemma2", "gemma2"},
                                                         {"gemma3", "gemma3_text"}}};

const Architecture& require_architecture(const GgufFile& file) {
  constexpr const char* kKey = "general.architecture";
  const auto name = file.text(kKey);
  if (!name) file.fail_missing(kKey);
  const auto* found = std::find_if(kArchitectures.begin(), kArchitectures.end(),
                                   [&](const Architecture& one) { return one.name == *name; });
  if (found != kArchitectures.end()) return *found;
  std::string known;
  for (const Architecture& one : kArchitectures) known += fmt::format("{}{}", known.empty() ? "" : ", ", one.name);
  file.fail(kKey, fmt::format("{} is not supported", in_quotes(*name)), fmt::format("{} are supported", known));
}

void refuse_parts(const GgufFile& file) {
  const auto count = file.integer("split.count");
  if (!count || *count <= 1) return;
  file.fail("split.count", fmt::format("one of {} of a model", counted(*count, "file")),
            "join them first: llama-gguf-split --merge FIRST_FILE JOINED_FILE");
}

// Settings of other models under these architectures' prefixes that would change the logits: each has one value that
// means that it is not used.
void refuse_other_settings(const GgufKeys& keys) {
  struct Setting {
    const char* key;
    double unused;
  };
  static constexpr std::array<Setting, 11> kSettings = {{{"expert_count", 0},
                                                         {"attention.max_alibi_bias", 0},
                                                         {"attention.clamp_kqv", 0},
                                                         {"logit_scale", 1},
                                                         {"residual_scale", 1},
                                                         {"embedding_scale", 1},
                                                         {"attention.output_scale", 1},
                                                         {"attention.temperature_scale", 0},
                                                         {"rope.scaling.attn_factor", 1},
                                                         {"rope.scaling.yarn_attn_factor", 1},
                                                         {"rope.scaling.yarn_ext_factor", 1}}};
  for (const Setting& setting : kSettings) {
    const auto value = keys.number(setting.key);
    if (!value || *value == setting.unused) continue;
    keys.fail(setting.key, fmt::format("{} is not supported", *value),
              fmt::format("only {} is; use a dense model of a supported family", setting.unused));
  }
  if (keys.boolean("use_parallel_residual").value_or(false)) {
    keys.fail("use_parallel_residual", "true is not supported", "use a model without it");
  }
  if (!keys.boolean("attention.causal").value_or(true)) {
    keys.fail("attention.causal", "false is not supported", "only causal attention is supported");
  }
}

// Rows of the embedding: the tokenizer may have fewer, and a key vocab_size is not always there.
std::uint64_t vocabulary_rows(const GgufFile& file) {
  const GgufTensor* embedding = file.find_tensor("token_embd.weight");
  if (embedding == nullptr || embedding->shape.size() != 2) {
    file.fail("token_embd.weight", "is missing or not a matrix", "convert the model again");
  }
  return embedding->shape.front();
}

std::int64_t head_dim_of(const GgufKeys& keys, std::int64_t hidden, std::int64_t n_heads) {
  const auto key_length = keys.integer("attention.key_length");
  const auto rotated = keys.integer("rope.dimension_count");
  const std::int64_t head_dim = key_length.value_or(n_heads > 0 ? hidden / n_heads : 0);
  const auto value_length = keys.integer("attention.value_length");
  if (value_length && *value_length != head_dim) {
    keys.fail("attention.value_length", fmt::format("is {}, but keys have {}", *value_length, head_dim),
              "keys and values of one length are supported");
  }
  if (rotated && *rotated != head_dim) {
    keys.fail("rope.dimension_count", fmt::format("is {}, but heads have {}", *rotated, head_dim),
              "rotary positions over the whole head are supported");
  }
  return head_dim;
}

// The rule of config.json's rope_scaling; null: none.
Json rotary_rule(const GgufKeys& keys) {
  const std::string type = keys.text("rope.scaling.type").value_or("none");
  const auto older = keys.number("rope.scale_linear");
  if (type == "none" && older && *older != 1) return {{"rope_type", "linear"}, {"factor", *older}};
  if (type == "none") return nullptr;
  Json rule = {{"rope_type", type}};
  const auto copy = [&](const char* key, const char* as) {
    if (const auto value = keys.number(key)) rule[as] = *value;
  };
  copy("rope.scaling.factor", "factor");
  if (type == "yarn") {
    rule["original_max_position_embeddings"] = keys.required_integer("rope.scaling.original_context_length");
    copy("rope.scaling.yarn_beta_fast", "beta_fast");
    copy("rope.scaling.yarn_beta_slow", "beta_slow");
  }
  return rule;
}

Json gpt2_json(const GgufKeys& keys) {
  return {{"n_layer", keys.required_integer("block_count")},
          {"n_head", keys.required_integer("attention.head_count")},
          {"n_embd", keys.required_integer("embedding_length")},
          {"n_inner", keys.required_integer("feed_forward_length")},
          {"n_positions", keys.required_integer("context_length")},
          {"layer_norm_epsilon", keys.required_number("attention.layer_norm_epsilon")}};
}

Json llama_like_json(const GgufKeys& keys) {
  const std::int64_t hidden = keys.required_integer("embedding_length");
  const std::int64_t n_heads = keys.required_integer("attention.head_count");
  Json json = {{"num_hidden_layers", keys.required_integer("block_count")},
               {"hidden_size", hidden},
               {"intermediate_size", keys.required_integer("feed_forward_length")},
               {"num_attention_heads", n_heads},
               {"num_key_value_heads", keys.integer("attention.head_count_kv").value_or(n_heads)},
               {"head_dim", head_dim_of(keys, hidden, n_heads)},
               {"max_position_embeddings", keys.required_integer("context_length")},
               {"rms_norm_eps", keys.required_number("attention.layer_norm_rms_epsilon")},
               {"rope_theta", keys.number("rope.freq_base").value_or(1e4)}};
  if (Json rule = rotary_rule(keys); !rule.is_null()) json["rope_scaling"] = std::move(rule);
  return json;
}

// "sliding_attention" or "full_attention" for each layer. `pattern`: the last of so many layers is full.
Json layer_types(const GgufKeys& keys, std::int64_t n_layers, std::int64_t pattern) {
  constexpr const char* kKey = "attention.sliding_window_pattern";
  const GgufValue* value = keys.find(kKey);
  const bool listed = value != nullptr && value->is_array_of(GgufType::kBool);
  if (listed && value->count != static_cast<std::uint64_t>(n_layers)) {
    keys.fail(kKey, fmt::format("has {}", counted(value->count, "entry")), "give one for each layer");
  }
  if (value != nullptr && !listed) pattern = keys.required_integer(kKey);
  Json types = Json::array();
  for (std::int64_t i = 0; i < std::min(n_layers, std::int64_t{config_limits::kLayers}); ++i) {
    const bool sliding =
        listed ? value->bytes[static_cast<std::size_t>(i)] != std::byte{0} : pattern <= 0 || i % pattern < pattern - 1;
    types.push_back(sliding ? "sliding_attention" : "full_attention");
  }
  return types;
}

// The scale of attention is not in the file, unless under a key that converters leave out: it is that of the head, and
// in the 27B models, which are known by their number of layers, that of hidden_size / heads.
double query_scalar(const GgufKeys& keys, const Json& json, std::int64_t layers_of_27b) {
  if (const auto scale = keys.number("attention.scale"); scale && *scale > 0) return 1 / (*scale * *scale);
  const bool is_27b = json["num_hidden_layers"] == layers_of_27b;
  return is_27b ? json["hidden_size"].get<double>() / json["num_attention_heads"].get<double>()
                : json["head_dim"].get<double>();
}

// 0 is none; without the key, the family's default counts.
void set_soft_cap(const GgufKeys& keys, const char* key, Json& json) {
  const auto cap = keys.number(key);
  if (cap) json[key] = *cap == 0 ? Json(nullptr) : Json(*cap);
}

Json gemma2_json(const GgufKeys& keys) {
  Json json = llama_like_json(keys);
  json["query_pre_attn_scalar"] = query_scalar(keys, json, 46);
  json["sliding_window"] = keys.integer("attention.sliding_window").value_or(4096);
  json["layer_types"] = layer_types(keys, json["num_hidden_layers"].get<std::int64_t>(), 2);
  set_soft_cap(keys, "attn_logit_softcapping", json);
  set_soft_cap(keys, "final_logit_softcapping", json);
  return json;
}

// Scaling is for full layers; without a window all layers are full.
Json gemma3_json(const GgufKeys& keys) {
  Json json = llama_like_json(keys);
  json["query_pre_attn_scalar"] = query_scalar(keys, json, 62);
  const std::int64_t window = keys.integer("attention.sliding_window").value_or(0);
  const auto n_layers = json["num_hidden_layers"].get<std::int64_t>();
  json["sliding_window"] = window > 0 ? Json(window) : Json(nullptr);
  json["layer_types"] = layer_types(keys, n_layers, window > 0 ? 6 : 1);
  Json full = json.contains("rope_scaling") ? json["rope_scaling"] : Json::object();
  full["rope_theta"] = keys.number("rope.freq_base").value_or(1e6);
  json.erase("rope_scaling");
  json.erase("rope_theta");
  json["rope_parameters"] = {{"full_attention", std::move(full)},
                             {"sliding_attention", {{"rope_theta", keys.number("rope.freq_base_swa").value_or(1e4)}}}};
  set_soft_cap(keys, "final_logit_softcapping", json);
  return json;
}

Json config_json(const GgufKeys& keys, std::string_view model_type) {
  if (model_type == "gpt2") return gpt2_json(keys);
  if (model_type == "gemma2") return gemma2_json(keys);
  if (model_type == "gemma3_text") return gemma3_json(keys);
  return llama_like_json(keys);
}

// Llama 3's rule is not in the metadata: the converter writes what each frequency is divided by.
void apply_frequency_factors(const GgufFile& file, ModelConfig& config) {
  const GgufTensor* factors = file.find_tensor("rope_freqs.weight");
  if (factors == nullptr || config.model_type != "llama") return;
  const std::vector<std::uint64_t> wanted = {config.rotary_frequencies.size()};
  if (factors->shape != wanted || std::string_view(factors->type->name) != "F32") {
    file.fail(factors->name, fmt::format("is not a vector of {} in F32", counted(wanted.front(), "value")));
  }
  const std::span<const std::byte> bytes = file.bytes(*factors);
  for (std::size_t i = 0; i < config.rotary_frequencies.size(); ++i) {
    const auto factor = gguf_number<float>(bytes.data() + i * sizeof(float));
    if (!(factor > 0) || !std::isfinite(factor)) file.fail(factors->name, fmt::format("has the factor {}", factor));
    config.rotary_frequencies[i] /= static_cast<double>(factor);
  }
}

void set_gguf_end_tokens(const GgufFile& file, ModelConfig& config) {
  for (const char* key :
       {"tokenizer.ggml.eos_token_id", "tokenizer.ggml.eot_token_id", "tokenizer.ggml.eom_token_id"}) {
    const auto id = file.integer(key);
    if (id && *id >= 0 && *id < config.vocab_size) config.end_tokens.push_back(static_cast<std::int32_t>(*id));
  }
  std::sort(config.end_tokens.begin(), config.end_tokens.end());
  config.end_tokens.erase(std::unique(config.end_tokens.begin(), config.end_tokens.end()), config.end_tokens.end());
}

}  // namespace

ModelConfig read_gguf_config(const GgufFile& file) {
  refuse_parts(file);
  const Architecture& architecture = require_architecture(file);
  const GgufKeys keys(file, architecture.name);
  refuse_other_settings(keys);
  Json json = config_json(keys, architecture.model_type);
  json["model_type"] = architecture.model_type;
  json["vocab_size"] = vocabulary_rows(file);
  json["tie_word_embeddings"] = file.find_tensor("output.weight") == nullptr;
  ModelConfig config = parse_config(json.dump(), file.path().string());
  if (config.gated) {
    config.qkv_bias = file.find_tensor("blk.0.attn_q.bias") != nullptr;
    config.attn_out_bias = file.find_tensor("blk.0.attn_output.bias") != nullptr;
    config.mlp_bias = file.find_tensor("blk.0.ffn_down.bias") != nullptr;
  }
  apply_frequency_factors(file, config);
  set_gguf_end_tokens(file, config);
  return config;
}

bool has_interleaved_rotary(const ModelConfig& config) {
  return config.model_type == "llama";
}

}  // namespace inferbench
