// SPDX-License-Identifier: Apache-2.0
#include "support/gguf_of_model.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdint>
#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "inferbench/backend_values.hpp"
#include "model/model.hpp"
#include "support/files.hpp"

namespace inferbench {
namespace {

using Json = nlohmann::json;

std::string architecture_of(const ModelConfig& config) {
  if (config.model_type == "gemma3_text" || config.model_type == "gemma3") return "gemma3";
  return config.model_type == "mistral" ? "llama" : config.model_type;
}

// "blk.3.attn_q.weight" of "layer.3.attn_q.weight". A table of its own, not gguf_names.hpp, so that a wrong name there
// does not agree with itself.
std::string gguf_name_of(const std::string& name) {
  static const std::map<std::string, std::string> kNames = {{"token_embedding", "token_embd"},
                                                            {"position_embedding", "position_embd"},
                                                            {"attn_out", "attn_output"},
                                                            {"attn_post_norm", "post_attention_norm"},
                                                            {"mlp_norm", "ffn_norm"},
                                                            {"mlp_gate", "ffn_gate"},
                                                            {"mlp_up", "ffn_up"},
                                                            {"mlp_down", "ffn_down"},
                                                            {"mlp_post_norm", "post_ffw_norm"},
                                                            {"final_norm", "output_norm"},
                                                            {"head", "output"}};
  std::string prefix;
  std::string rest = name;
  if (rest.starts_with("layer.")) {
    const auto dot = rest.find('.', 6);
    prefix = "blk." + rest.substr(6, dot - 6) + ".";
    rest = rest.substr(dot + 1);
  }
  const auto dot = rest.rfind('.');
  const auto found = kNames.find(rest.substr(0, dot));
  return prefix + (found == kNames.end() ? rest.substr(0, dot) : found->second) + rest.substr(dot);
}

constexpr std::size_t kQ8Block = 32;
constexpr std::uint32_t kQ8Type = 8;

// Of a positive number that binary16 has as a normal one: rounded down.
std::uint16_t f16_below(float value) {
  return static_cast<std::uint16_t>((std::bit_cast<std::uint32_t>(value) - (112U << 23U)) >> 13U);
}

// Blocks of a scale in binary16 and 32 numbers of 8 bits.
std::string q8_0_bytes(const std::vector<float>& values) {
  std::string bytes;
  for (std::size_t begin = 0; begin < values.size(); begin += kQ8Block) {
    float most = 0;
    for (std::size_t i = begin; i < begin + kQ8Block; ++i) most = std::max(most, std::abs(values[i]));
    const std::uint16_t scale = f16_below(std::max(most / 126, 1e-4F));
    bytes += bytes_of(scale);
    for (std::size_t i = begin; i < begin + kQ8Block; ++i) {
      bytes += bytes_of(static_cast<std::int8_t>(std::lround(values[i] / float_of_f16(scale))));
    }
  }
  return bytes;
}

// Bytes of the rows of a tensor in this order; of a matrix in its own type, of a vector in F32.
std::string rows_bytes(const ib_tensor& tensor, const std::vector<std::int64_t>& order) {
  const bool is_matrix = tensor.rank == 2;
  std::string bytes;
  for (const std::int64_t row : order) {
    for (std::int64_t i = 0; i < (is_matrix ? tensor.shape[1] : 1); ++i) {
      const void* value = element(tensor, row, i);
      float wide = 0;
      read_values(value, tensor.dtype, 1, 1, &wide);
      bytes +=
          is_matrix && tensor.dtype != IB_DTYPE_F32 ? std::string(static_cast<const char*>(value), 2) : bytes_of(wide);
    }
  }
  return bytes;
}

// The rows of a head in Llama's own order: 0, h, 1, h + 1, ..., where h is half of head_dim.
std::vector<std::int64_t> interleaved(std::int64_t rows, std::int64_t head_dim) {
  std::vector<std::int64_t> order;
  for (std::int64_t head = 0; head < rows; head += head_dim) {
    for (std::int64_t pair = 0; pair < head_dim / 2; ++pair) {
      order.push_back(head + pair);
      order.push_back(head + pair + head_dim / 2);
    }
  }
  return order;
}

// As llama.cpp's quantizer chooses them: not the positions.
bool is_quantized(const ib_tensor& tensor) {
  return tensor.rank == 2 && static_cast<std::size_t>(tensor.shape[1]) % kQ8Block == 0 &&
         std::string_view(tensor.name) != "position_embedding.weight";
}

std::uint32_t type_of(const ib_tensor& tensor) {
  if (tensor.rank == 1 || tensor.dtype == IB_DTYPE_F32) return 0;
  return tensor.dtype == IB_DTYPE_F16 ? 1 : 30;
}

std::vector<float> rows_values(const ib_tensor& tensor, const std::vector<std::int64_t>& order) {
  const auto columns = static_cast<std::size_t>(tensor.shape[1]);
  std::vector<float> values(order.size() * columns);
  for (std::size_t i = 0; i < order.size(); ++i) {
    read_row(tensor, order[i], 0, tensor.shape[1], values.data() + i * columns);
  }
  return values;
}

void add_tensors(GgufWriter& writer, const ModelConfig& config, const Weights& weights, bool quantized) {
  std::map<std::string, std::string> fused;
  for (const ib_tensor& tensor : weights.tensors()) {
    const std::string name = gguf_name_of(tensor.name);
    const bool is_query = name.find(".attn_q.") != std::string::npos;
    const bool is_key = name.find(".attn_k.") != std::string::npos;
    const bool is_value = name.find(".attn_v.") != std::string::npos;
    std::vector<std::int64_t> order;
    if (architecture_of(config) == "llama" && (is_query || is_key)) {
      order = interleaved(tensor.shape[0], config.head_dim);
    } else {
      for (std::int64_t row = 0; row < tensor.shape[0]; ++row) order.push_back(row);
    }
    const bool is_q8 = quantized && is_quantized(tensor);
    std::string bytes = is_q8 ? q8_0_bytes(rows_values(tensor, order)) : rows_bytes(tensor, order);
    const std::uint32_t type = is_q8 ? kQ8Type : type_of(tensor);
    std::vector<std::uint64_t> shape(tensor.shape, tensor.shape + tensor.rank);
    if (config.model_type != "gpt2" || (!is_query && !is_key && !is_value)) {
      writer.add_tensor(name, type, shape, std::move(bytes));
      continue;
    }
    std::string fused_name = name;
    fused_name.replace(fused_name.find(".attn_"), 7, ".attn_qkv");
    fused[fused_name] += bytes;
    shape[0] *= 3;
    if (is_value) writer.add_tensor(fused_name, type, shape, std::move(fused[fused_name]));
  }
}

// What llama3's rule divides each frequency by.
void add_frequency_factors(GgufWriter& writer, const ModelConfig& config, double theta) {
  std::vector<float> factors;
  for (std::size_t i = 0; i < config.rotary_frequencies.size(); ++i) {
    const double plain = std::pow(theta, -2.0 * static_cast<double>(i) / config.head_dim);
    factors.push_back(static_cast<float>(plain / config.rotary_frequencies[i]));
  }
  writer.add_tensor("rope_freqs.weight", {factors.size()}, factors);
}

void add_gemma_keys(GgufWriter& writer, const ModelConfig& config, const std::string& prefix) {
  std::uint32_t window = 0;
  for (const ib_layer_desc& layer : config.layers) window = std::max(window, static_cast<std::uint32_t>(layer.window));
  writer.add_u32(prefix + "attention.sliding_window", window);
  writer.add_f32(prefix + "attention.scale", static_cast<float>(config.layers[0].attention_scale));
  if (config.attention_soft_cap > 0) {
    writer.add_f32(prefix + "attn_logit_softcapping", static_cast<float>(config.attention_soft_cap));
  }
  if (config.logit_soft_cap > 0) {
    writer.add_f32(prefix + "final_logit_softcapping", static_cast<float>(config.logit_soft_cap));
  }
}

// The settings of rotary positions, wherever config.json has them.
Json rotary_settings(const Json& json) {
  if (json.contains("rope_parameters")) {
    const Json& settings = json["rope_parameters"];
    return settings.contains("full_attention") ? settings["full_attention"] : settings;
  }
  Json settings = json.value("rope_scaling", Json(nullptr));
  if (settings.is_null()) settings = Json::object();
  settings["rope_theta"] = json["rope_theta"];
  return settings;
}

void add_rotary_keys(GgufWriter& writer, const Json& json, const ModelConfig& config, const std::string& prefix) {
  const Json settings = rotary_settings(json);
  const std::string type = settings.value("rope_type", "default");
  const auto theta = settings["rope_theta"].get<double>();
  writer.add_f32(prefix + "rope.freq_base", static_cast<float>(theta));
  if (config.rotary_scales.size() > 1) {
    const auto local = json["rope_parameters"]["sliding_attention"]["rope_theta"].get<float>();
    writer.add_f32(prefix + "rope.freq_base_swa", local);
  }
  if (type == "linear") {
    writer.add_text(prefix + "rope.scaling.type", "linear");
    writer.add_f32(prefix + "rope.scaling.factor", settings["factor"].get<float>());
  }
  if (type == "llama3") add_frequency_factors(writer, config, theta);
}

}  // namespace

GgufWriter gguf_of_model(const std::filesystem::path& folder, bool quantized) {
  const Model model = Model::open(folder.string());
  const Json json = Json::parse(read_file(folder / "config.json"));
  const ModelConfig& config = model.config();
  const std::string architecture = architecture_of(config);
  const std::string prefix = architecture + ".";
  GgufWriter writer;
  const auto add = [&](const char* key, std::int32_t value) {
    writer.add_u32(prefix + key, static_cast<std::uint32_t>(value));
  };
  writer.add_text("general.architecture", architecture);
  writer.add_text("tokenizer.ggml.model", "no_vocab");
  add("block_count", config.n_layers);
  add("context_length", config.max_positions);
  add("embedding_length", config.hidden_size);
  add("feed_forward_length", config.intermediate_size);
  add("attention.head_count", config.n_heads);
  add("vocab_size", config.vocab_size);
  if (architecture == "gpt2") {
    writer.add_f32(prefix + "attention.layer_norm_epsilon", static_cast<float>(config.norm_epsilon));
  } else {
    add("attention.head_count_kv", config.n_kv_heads);
    add("attention.key_length", config.head_dim);
    add("attention.value_length", config.head_dim);
    writer.add_f32(prefix + "attention.layer_norm_rms_epsilon", static_cast<float>(config.norm_epsilon));
    add_rotary_keys(writer, json, config, prefix);
  }
  if (architecture.starts_with("gemma")) add_gemma_keys(writer, config, prefix);
  if (!config.end_tokens.empty()) {
    writer.add_u32("tokenizer.ggml.eos_token_id", static_cast<std::uint32_t>(config.end_tokens.front()));
  }
  add_tensors(writer, config, model.weights(), quantized);
  return writer;
}

}  // namespace inferbench
