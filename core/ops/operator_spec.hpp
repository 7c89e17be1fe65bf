// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "inferbench/op_bench.h"
#include "model/model_config.hpp"

namespace inferbench {

/// An operator and its shape: the numbers of ib_op_desc. Fields that the operator does not use are 0.
struct OperatorSpec {
  std::int32_t op = IB_OP_LINEAR;
  std::int32_t rows = 0;
  std::int32_t width = 0;
  std::int32_t outputs = 0;
  std::int32_t inner = 0;
  std::int32_t heads = 0;
  std::int32_t past = 0;
  std::int32_t activation = IB_ACTIVATION_GELU_TANH;
  double layer_norm_epsilon = 1e-5;

  friend bool operator==(const OperatorSpec&, const OperatorSpec&) = default;
};

/// "layernorm", "linear", "attention", "gelu", "softmax", "mlp", "block"; in the order of the IB_OP_* codes.
const std::vector<std::string>& operator_names();
std::string_view operator_name(std::int32_t op);
/// IB_OP_*, or -1.
std::int32_t operator_from(std::string_view name);

/// The activations as spelled in config.json: "gelu_new", "gelu", "relu"; in the order of the IB_ACTIVATION_* codes.
const std::vector<std::string>& activation_names();

/// The keys of an operator's shape, in the order in which they are printed:
///   layernorm  rows, width
///   linear     rows, in, out
///   attention  tokens, past, heads, head_dim
///   gelu       rows, width, activation
///   softmax    rows, width
///   mlp        rows, width, inner, activation
///   block      tokens, past, heads, head_dim, inner, activation
const std::vector<std::string>& operator_keys(std::int32_t op);

/// The value of a key, which must be one of operator_keys; for `activation`, its code.
std::int64_t get_key(const OperatorSpec& spec, std::string_view key);
/// Sets a key's value. The width is heads * head_dim: set both, in that order.
void set_key(OperatorSpec& spec, std::string_view key, std::int32_t value);

/// The operator as it occurs in a model with `tokens` tokens: linear is the MLP's first product, gelu the activation
/// after it, softmax the scores over a full context. A single token means decoding in the middle of the context (past
/// is half of it); several mean a prompt (past is 0).
OperatorSpec default_spec(std::int32_t op, const ModelConfig& config, std::int32_t tokens);

/// "rows=128 in=768 out=3072"
std::string shape_text(const OperatorSpec& spec);

/// An ib_op_desc with these numbers; all other fields are zero.
ib_op_desc to_desc(const OperatorSpec& spec);

}  // namespace inferbench
