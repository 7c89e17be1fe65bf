// SPDX-License-Identifier: Apache-2.0
#include "model/families/layer_windows.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "support/counted.hpp"

namespace inferbench {
namespace {

constexpr const char* kLayerTypes = "layer_types";
// Of transformers' configuration classes, all of those that have the key.
constexpr std::int32_t kDefaultWindow = 4096;

}  // namespace

std::vector<bool> sliding_layers(const ConfigFields& fields, std::int32_t n_layers,
                                 const std::function<bool(std::int32_t)>& otherwise) {
  std::vector<bool> sliding;
  const nlohmann::json* types = fields.find(kLayerTypes);
  if (types == nullptr) {
    for (std::int32_t i = 0; i < n_layers; ++i) sliding.push_back(otherwise(i));
    return sliding;
  }
  if (!types->is_array() || types->size() != static_cast<std::size_t>(n_layers)) {
    fields.fail(kLayerTypes, fmt::format("is not a list of {}", counted(n_layers, "entry")),
                "give one for each of num_hidden_layers");
  }
  for (const nlohmann::json& type : *types) {
    if (type != "full_attention" && type != "sliding_attention") {
      fields.fail(kLayerTypes, fmt::format("{} is not supported", shown(type)),
                  "\"full_attention\" and \"sliding_attention\" are supported");
    }
    sliding.push_back(type == "sliding_attention");
  }
  return sliding;
}

void require_like_layers(const ConfigFields& fields, std::int32_t n_layers, bool sliding) {
  const auto types = sliding_layers(fields, n_layers, [sliding](std::int32_t) { return sliding; });
  if (std::find(types.begin(), types.end(), !sliding) == types.end()) return;
  fields.fail(kLayerTypes, fmt::format("{} is not supported here", sliding ? "full_attention" : "sliding_attention"),
              fmt::format("all layers of this model have {}", sliding ? "sliding_attention" : "full_attention"));
}

std::int32_t read_window(const ConfigFields& fields) {
  if (fields.is_null("sliding_window")) return 0;
  return fields.size("sliding_window", INT32_MAX, kDefaultWindow);
}

void set_qwen_layers(ModelConfig& config, const ConfigFields& fields) {
  const std::int32_t window = fields.boolean("use_sliding_window", false) ? read_window(fields) : 0;
  const nlohmann::json* value = fields.find("max_window_layers");
  const std::int32_t first = value == nullptr ? 28 : fields.integer("max_window_layers", *value, 0, INT32_MAX);
  const auto sliding = sliding_layers(fields, config.n_layers, [first](std::int32_t i) { return i >= first; });
  set_like_layers(config, 0, 0);
  for (std::size_t i = 0; i < sliding.size(); ++i) {
    if (sliding[i]) config.layers[i].window = window;
  }
}

}  // namespace inferbench
