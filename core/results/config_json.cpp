// SPDX-License-Identifier: Apache-2.0
#include "results/config_json.hpp"

#include <algorithm>
#include <cmath>
#include <string>

#include "support/json_integer.hpp"

namespace inferbench {

namespace {

using Json = nlohmann::ordered_json;

/// The fields of ModelConfig that are plain values, for both directions.
template <typename Config, typename Visit>
void walk_values(Config& config, Visit visit) {
  visit("model_type", config.model_type);
  visit("n_layers", config.n_layers);
  visit("n_heads", config.n_heads);
  visit("n_kv_heads", config.n_kv_heads);
  visit("head_dim", config.head_dim);
  visit("hidden_size", config.hidden_size);
  visit("intermediate_size", config.intermediate_size);
  visit("max_positions", config.max_positions);
  visit("vocab_size", config.vocab_size);
  visit("norm", config.norm);
  visit("activation", config.activation);
  visit("learned_positions", config.learned_positions);
  visit("qkv_bias", config.qkv_bias);
  visit("attn_out_bias", config.attn_out_bias);
  visit("mlp_bias", config.mlp_bias);
  visit("qk_norm", config.qk_norm);
  visit("post_norm", config.post_norm);
  visit("gated", config.gated);
  visit("tied_head", config.tied_head);
  visit("norm_epsilon", config.norm_epsilon);
  visit("embedding_scale", config.embedding_scale);
  visit("attention_soft_cap", config.attention_soft_cap);
  visit("logit_soft_cap", config.logit_soft_cap);
}

void read_value(const Json& json, std::int32_t& value) {
  value = integer_of<std::int32_t>(json);
}
template <typename T>
void read_value(const Json& json, T& value) {
  value = json.get<T>();
}

Json json_of(const ib_layer_desc& layer) {
  return {{"window", layer.window}, {"rotary_table", layer.rotary_table}, {"attention_scale", layer.attention_scale}};
}

ib_layer_desc layer_from(const Json& object) {
  return {integer_of<std::int32_t>(object.at("window")), integer_of<std::int32_t>(object.at("rotary_table")),
          object.at("attention_scale").get<double>()};
}

// Layers that are all alike are written once.
Json layers_json(const ModelConfig& config) {
  if (config.layers.empty()) return Json::array();
  const ib_layer_desc& first = config.layers.front();
  if (std::all_of(config.layers.begin(), config.layers.end(), [&](const auto& layer) { return layer == first; })) {
    return json_of(first);
  }
  Json list = Json::array();
  for (const ib_layer_desc& layer : config.layers) list.push_back(json_of(layer));
  return list;
}

// Costs walk that many layers, and memory is allocated for them: a damaged file must not ask for billions.
std::int32_t layer_count(const Json& object) {
  constexpr std::int32_t kMost = 1 << 16;
  const auto n = integer_of<std::int32_t>(object.at("n_layers"));
  if (n < 0 || n > kMost) throw Json::other_error::create(501, "n_layers is out of range", &object);
  return n;
}

ModelConfig gpt2_from_json(const Json& object) {
  ModelConfig config;
  const auto number = [&object](const char* key) { return integer_of<std::int32_t>(object.at(key)); };
  set_gpt2_sizes(config, layer_count(object), std::max(1, number("n_heads")), number("width"), number("context"),
                 number("vocab"));
  config.intermediate_size = number("inner");
  config.tied_head = object.at("tied_head").get<bool>();
  if (!is_whole_config(object)) return config;
  config.activation = number("activation");
  config.norm_epsilon = object.at("layer_norm_epsilon").get<double>();
  const bool scaled = object.at("scale_attn_weights").get<bool>();
  const bool by_layer = object.at("scale_attn_by_inverse_layer").get<bool>();
  for (std::size_t i = 0; i < config.layers.size(); ++i) {
    if (!scaled) config.layers[i].attention_scale = 1;
    if (by_layer) config.layers[i].attention_scale /= static_cast<double>(i + 1);
  }
  return config;
}

}  // namespace

Json config_to_json(const ModelConfig& config) {
  Json object;
  walk_values(config, [&object](const char* key, const auto& value) { object[key] = value; });
  object["layers"] = layers_json(config);
  if (!config.rotary_scales.empty()) {
    object["rotary_frequencies"] = config.rotary_frequencies;
    object["rotary_scales"] = config.rotary_scales;
  }
  return object;
}

bool is_whole_config(const Json& object) {
  return object.contains("hidden_size") || object.contains("layer_norm_epsilon");
}

ModelConfig config_from_json(const Json& object) {
  if (!object.contains("hidden_size")) return gpt2_from_json(object);
  ModelConfig config;
  walk_values(config, [&object](const char* key, auto& value) { read_value(object.at(key), value); });
  const auto n_layers = static_cast<std::size_t>(layer_count(object));
  const Json& layers = object.at("layers");
  if (layers.is_object()) {
    config.layers.assign(n_layers, layer_from(layers));
  } else {
    for (const Json& layer : layers) config.layers.push_back(layer_from(layer));
  }
  if (object.contains("rotary_scales")) {
    object.at("rotary_frequencies").get_to(config.rotary_frequencies);
    object.at("rotary_scales").get_to(config.rotary_scales);
  }
  if (config.layers.size() != n_layers) throw Json::other_error::create(501, "layers are not n_layers", &object);
  return config;
}

}  // namespace inferbench
