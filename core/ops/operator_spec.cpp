// SPDX-License-Identifier: Apache-2.0
#include "ops/operator_spec.hpp"

#include <algorithm>
#include <cmath>
#include <iterator>

#include "inferbench/decoder.hpp"

namespace inferbench {

namespace {

constexpr double kRotaryBase = 10000;
constexpr std::int32_t kMostDefaultContext = 4096;

std::int32_t* field_of(OperatorSpec& spec, std::string_view key) {
  if (key == "rows" || key == "tokens") return &spec.rows;
  if (key == "in") return &spec.hidden_size;
  // The activation works on the MLP's inner values, and its rows are called as wide as they are.
  if (key == "width") return spec.op == IB_OP_ACTIVATION ? &spec.intermediate_size : &spec.hidden_size;
  if (key == "out" || key == "inner") return &spec.intermediate_size;
  if (key == "heads") return &spec.heads;
  if (key == "kv_heads") return &spec.kv_heads;
  if (key == "head_dim") return &spec.head_dim;
  if (key == "past") return &spec.past;
  if (key == "window") return &spec.window;
  if (key == "soft_cap") return &spec.soft_cap;
  if (key == "norm") return &spec.norm;
  if (key == "bias") return &spec.bias;
  if (key == "gated") return &spec.gated;
  if (key == "rotary") return &spec.rotary;
  if (key == "qk_norm") return &spec.qk_norm;
  if (key == "post_norm") return &spec.post_norm;
  return &spec.activation;
}

std::int32_t code(OperatorBias bias) {
  return static_cast<std::int32_t>(bias);
}

// The model's biases; where no value says exactly that, the nearest.
std::int32_t bias_of(const ModelConfig& config, std::int32_t op) {
  if (op != IB_OP_LAYER) return code(config.mlp_bias ? OperatorBias::kAll : OperatorBias::kNone);
  if (config.mlp_bias) return code(OperatorBias::kAll);
  if (config.attn_out_bias) return code(OperatorBias::kAttention);
  return code(config.qkv_bias ? OperatorBias::kQkv : OperatorBias::kNone);
}

bool has_heads(std::int32_t op) {
  return op == IB_OP_ATTENTION || op == IB_OP_LAYER || op == IB_OP_ROTARY;
}

// The value that shape_text leaves out; -1: none.
std::int32_t usual_value(const OperatorSpec& spec, std::string_view key) {
  if (key == "kv_heads") return spec.heads;
  if (key == "width" && spec.op == IB_OP_LAYER) return spec.heads * spec.head_dim;
  if (key == "activation") return IB_ACTIVATION_GELU_TANH;
  if (key == "norm") return IB_NORM_LAYER;
  if (key == "bias") return code(OperatorBias::kAll);
  if (key == "window" || key == "soft_cap" || is_flag(key)) return 0;
  return -1;
}

}  // namespace

const std::vector<std::string>& operator_names() {
  static const std::vector<std::string> kNames{"norm",    "linear", "attention", "activation",
                                               "softmax", "mlp",    "layer",     "rotary"};
  return kNames;
}

std::string_view operator_name(std::int32_t op) {
  return operator_names().at(static_cast<std::size_t>(op));
}

std::int32_t operator_from(std::string_view name) {
  const auto& names = operator_names();
  const auto found = std::find(names.begin(), names.end(), name);
  return found == names.end() ? -1 : static_cast<std::int32_t>(std::distance(names.begin(), found));
}

const std::vector<std::string>& operator_keys(std::int32_t op) {
  static const std::vector<std::vector<std::string>> kKeys{
      {"rows", "width", "norm"},
      {"rows", "in", "out", "bias"},
      {"tokens", "past", "heads", "kv_heads", "head_dim", "window", "rotary", "qk_norm", "soft_cap"},
      {"rows", "width", "activation", "gated"},
      {"rows", "width"},
      {"rows", "width", "inner", "activation", "gated", "bias"},
      {"tokens", "past", "heads", "kv_heads", "head_dim", "width", "inner", "activation", "gated", "norm", "bias",
       "window", "rotary", "qk_norm", "post_norm", "soft_cap"},
      {"tokens", "past", "heads", "kv_heads", "head_dim"},
  };
  return kKeys.at(static_cast<std::size_t>(op));
}

bool is_flag(std::string_view key) {
  return key == "gated" || key == "rotary" || key == "qk_norm" || key == "post_norm";
}

const std::vector<std::string>& key_words(std::string_view key) {
  static const std::vector<std::string> kActivations{"gelu_new", "gelu", "relu", "silu"};
  static const std::vector<std::string> kNorms{"layer_norm", "rms_norm"};
  static const std::vector<std::string> kBiases{"none", "all", "qkv", "attention"};
  static const std::vector<std::string> kFlags{"false", "true"};
  static const std::vector<std::string> kNumber;
  if (key == "activation") return kActivations;
  if (key == "norm") return kNorms;
  if (key == "bias") return kBiases;
  return is_flag(key) ? kFlags : kNumber;
}

std::int32_t get_key(const OperatorSpec& spec, std::string_view key) {
  OperatorSpec copy = spec;
  return *field_of(copy, key);
}

void set_key(OperatorSpec& spec, std::string_view key, std::int32_t value) {
  const bool ungrouped = spec.kv_heads == spec.heads;
  const bool narrow = spec.hidden_size == spec.heads * spec.head_dim;
  *field_of(spec, key) = value;
  if (key == "heads" && ungrouped) spec.kv_heads = value;
  const bool is_size = key == "heads" || key == "head_dim";
  if (is_size && (narrow || spec.op != IB_OP_LAYER)) spec.hidden_size = spec.heads * spec.head_dim;
}

std::string shape_fault(const OperatorSpec& spec) {
  const auto text = [&](const char* key) { return std::string(key) + "=" + std::to_string(get_key(spec, key)); };
  if (has_heads(spec.op) && spec.heads % spec.kv_heads != 0) {
    return text("heads") + " is not a multiple of " + text("kv_heads");
  }
  if ((spec.rotary != 0 || spec.op == IB_OP_ROTARY) && spec.head_dim % 2 != 0) {
    return text("head_dim") + " is odd, so rotary positions are impossible";
  }
  if (spec.op != IB_OP_LAYER && spec.bias > code(OperatorBias::kAll)) {
    return "bias=" + key_words("bias").at(static_cast<std::size_t>(spec.bias)) + " is only for layer";
  }
  return {};
}

OperatorSpec default_spec(std::int32_t op, const ModelConfig& config, std::int32_t tokens) {
  OperatorSpec spec;
  spec.op = op;
  spec.rows = tokens;
  const bool layer = op == IB_OP_LAYER;
  const std::int32_t context = std::min(config.max_positions, kMostDefaultContext);
  if (op == IB_OP_NORM || op == IB_OP_LINEAR || op == IB_OP_MLP || layer) spec.hidden_size = config.hidden_size;
  if (op == IB_OP_LINEAR || op == IB_OP_ACTIVATION || op == IB_OP_MLP || layer) {
    spec.intermediate_size = config.intermediate_size;
  }
  if (op == IB_OP_LINEAR || op == IB_OP_MLP || layer) spec.bias = bias_of(config, op);
  if (op == IB_OP_ACTIVATION || op == IB_OP_MLP || layer) {
    spec.activation = config.activation;
    spec.gated = config.gated ? 1 : 0;
  }
  if (op == IB_OP_SOFTMAX) spec.hidden_size = context;
  if (op == IB_OP_NORM || layer) {
    spec.norm = config.norm;
    spec.norm_epsilon = config.norm_epsilon;
  }
  if (layer) spec.post_norm = config.post_norm ? 1 : 0;
  if (!has_heads(op)) return spec;
  spec.heads = config.n_heads;
  spec.kv_heads = config.n_kv_heads;
  spec.head_dim = config.head_dim;
  if (!layer) spec.hidden_size = config.n_heads * config.head_dim;
  spec.past = tokens == 1 ? context / 2 : 0;
  if (op == IB_OP_ROTARY || config.layers.empty()) return spec;
  spec.window = config.layers.front().window;
  spec.rotary = config.layers.front().rotary_table >= 0 ? 1 : 0;
  spec.qk_norm = config.qk_norm ? 1 : 0;
  if (config.qk_norm) spec.norm_epsilon = config.norm_epsilon;
  spec.soft_cap = static_cast<std::int32_t>(std::lround(config.attention_soft_cap));
  return spec;
}

std::string shape_text(const OperatorSpec& spec) {
  std::string text;
  for (const std::string& key : operator_keys(spec.op)) {
    const std::int32_t value = get_key(spec, key);
    if (value == usual_value(spec, key)) continue;
    const auto& words = key_words(key);
    const std::string shown = words.empty() ? std::to_string(value) : words.at(static_cast<std::size_t>(value));
    if (!text.empty()) text += ' ';
    text.append(key).append("=").append(shown);
  }
  return text;
}

ModelConfig layer_config(const OperatorSpec& spec) {
  const auto bias = static_cast<OperatorBias>(spec.bias);
  ModelConfig config;
  config.n_layers = 1;
  config.n_heads = spec.heads;
  config.n_kv_heads = spec.kv_heads;
  config.head_dim = spec.head_dim;
  config.hidden_size = spec.hidden_size;
  config.intermediate_size = spec.intermediate_size;
  config.max_positions = spec.past + spec.rows;
  config.norm = spec.norm;
  config.activation = spec.activation;
  config.learned_positions = false;
  config.qkv_bias = bias != OperatorBias::kNone;
  config.attn_out_bias = bias == OperatorBias::kAll || bias == OperatorBias::kAttention;
  config.mlp_bias = bias == OperatorBias::kAll;
  config.qk_norm = spec.qk_norm != 0;
  config.post_norm = spec.post_norm != 0;
  config.gated = spec.gated != 0;
  config.norm_epsilon = spec.norm_epsilon;
  config.attention_soft_cap = spec.soft_cap;
  const bool rotated = spec.rotary != 0 || spec.op == IB_OP_ROTARY;
  set_like_layers(config, spec.window, rotated ? 0 : -1);
  if (!rotated) return config;
  config.rotary_scales = {1};
  for (std::int32_t j = 0; j < spec.head_dim / 2; ++j) {
    config.rotary_frequencies.push_back(std::pow(kRotaryBase, -2.0 * j / spec.head_dim));
  }
  return config;
}

std::uint64_t operator_features(const OperatorSpec& spec) {
  constexpr std::uint64_t kActivations = IB_FEATURE_GELU_TANH | IB_FEATURE_GELU_ERF | IB_FEATURE_RELU | IB_FEATURE_SILU;
  constexpr std::uint64_t kMlp = kActivations | IB_FEATURE_PLAIN_MLP | IB_FEATURE_GATED_MLP | IB_FEATURE_LINEAR_BIAS;
  constexpr std::uint64_t kAttention = IB_FEATURE_ROTARY | IB_FEATURE_GROUPED_HEADS | IB_FEATURE_QK_NORM |
                                       IB_FEATURE_WINDOW | IB_FEATURE_ATTENTION_SOFT_CAP;
  const ModelConfig config = layer_config(spec);
  const std::uint64_t all = decoder::required_features(model_desc(config));
  switch (spec.op) {
    case IB_OP_NORM:
      return all & (IB_FEATURE_LAYER_NORM | IB_FEATURE_RMS_NORM);
    case IB_OP_LINEAR:
      return all & IB_FEATURE_LINEAR_BIAS;
    case IB_OP_ATTENTION:
      return all & kAttention;
    case IB_OP_ACTIVATION:
      return all & (kActivations | IB_FEATURE_GATED_MLP);
    case IB_OP_SOFTMAX:
      return 0;
    case IB_OP_MLP:
      return all & kMlp;
    case IB_OP_ROTARY:
      return all & (IB_FEATURE_ROTARY | IB_FEATURE_GROUPED_HEADS);
    default:
      return all;
  }
}

}  // namespace inferbench
