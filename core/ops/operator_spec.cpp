// SPDX-License-Identifier: Apache-2.0
#include "ops/operator_spec.hpp"

#include <algorithm>
#include <iterator>

namespace inferbench {

namespace {

std::int32_t* field_of(OperatorSpec& spec, std::string_view key) {
  if (key == "rows" || key == "tokens") return &spec.rows;
  if (key == "width" || key == "in") return &spec.width;
  if (key == "out") return &spec.outputs;
  if (key == "inner") return &spec.inner;
  if (key == "heads") return &spec.heads;
  if (key == "past") return &spec.past;
  return &spec.activation;
}

}  // namespace

const std::vector<std::string>& operator_names() {
  static const std::vector<std::string> kNames{"layernorm", "linear", "attention", "gelu", "softmax", "mlp", "block"};
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

const std::vector<std::string>& activation_names() {
  static const std::vector<std::string> kNames{"gelu_new", "gelu", "relu"};
  return kNames;
}

const std::vector<std::string>& operator_keys(std::int32_t op) {
  static const std::vector<std::vector<std::string>> kKeys{
      {"rows", "width"},
      {"rows", "in", "out"},
      {"tokens", "past", "heads", "head_dim"},
      {"rows", "width", "activation"},
      {"rows", "width"},
      {"rows", "width", "inner", "activation"},
      {"tokens", "past", "heads", "head_dim", "inner", "activation"},
  };
  return kKeys.at(static_cast<std::size_t>(op));
}

std::int64_t get_key(const OperatorSpec& spec, std::string_view key) {
  if (key == "head_dim") return spec.heads > 0 ? spec.width / spec.heads : 0;
  OperatorSpec copy = spec;
  return *field_of(copy, key);
}

void set_key(OperatorSpec& spec, std::string_view key, std::int32_t value) {
  if (key == "head_dim") {
    spec.width = spec.heads * value;
  } else {
    *field_of(spec, key) = value;
  }
}

OperatorSpec default_spec(std::int32_t op, const ModelConfig& config, std::int32_t tokens) {
  OperatorSpec spec;
  spec.op = op;
  spec.rows = tokens;
  spec.width = config.width;
  spec.layer_norm_epsilon = config.layer_norm_epsilon;
  spec.activation = config.activation;
  if (op == IB_OP_LINEAR) spec.outputs = config.inner;
  if (op == IB_OP_GELU) spec.width = config.inner;
  if (op == IB_OP_SOFTMAX) spec.width = config.context;
  if (op == IB_OP_MLP || op == IB_OP_BLOCK) spec.inner = config.inner;
  if (op == IB_OP_ATTENTION || op == IB_OP_BLOCK) {
    spec.heads = config.n_heads;
    spec.past = tokens == 1 ? config.context / 2 : 0;
  }
  return spec;
}

std::string shape_text(const OperatorSpec& spec) {
  std::string text;
  for (const std::string& key : operator_keys(spec.op)) {
    const std::int64_t value = get_key(spec, key);
    // Left out: nearly every GPT-2 uses it.
    if (key == "activation" && value == IB_ACTIVATION_GELU_TANH) continue;
    const std::string shown =
        key == "activation" ? activation_names().at(static_cast<std::size_t>(value)) : std::to_string(value);
    if (!text.empty()) text += ' ';
    text.append(key).append("=").append(shown);
  }
  return text;
}

ib_op_desc to_desc(const OperatorSpec& spec) {
  ib_op_desc desc{};
  desc.struct_size = sizeof(desc);
  desc.op = spec.op;
  desc.rows = spec.rows;
  desc.width = spec.width;
  desc.outputs = spec.outputs;
  desc.inner = spec.inner;
  desc.heads = spec.heads;
  desc.past = spec.past;
  desc.activation = spec.activation;
  desc.n_copies = 1;
  desc.layer_norm_epsilon = spec.layer_norm_epsilon;
  return desc;
}

}  // namespace inferbench
