// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "inferbench/op_bench.h"
#include "model/model_config.hpp"

namespace inferbench {

/// An operator at a shape: the numbers of ib_op_desc. What the operator does not use is 0.
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

/// "layernorm", "linear", "attention", "gelu", "softmax", "mlp", "block"; in the order of their codes.
const std::vector<std::string>& operator_names();
std::string_view operator_name(std::int32_t op);
/// IB_OP_*, or -1.
std::int32_t operator_from(std::string_view name);

/// The activations as config.json spells them: "gelu_new", "gelu", "relu"; in the order of their codes.
const std::vector<std::string>& activation_names();

/// The keys that an operator's shape has, in the order that they are printed in:
///   layernorm  rows, width
///   linear     rows, in, out
///   attention  tokens, past, heads, head_dim
///   gelu       rows, width, activation
///   softmax    rows, width
///   mlp        rows, width, inner, activation
///   block      tokens, past, heads, head_dim, inner, activation
const std::vector<std::string>& operator_keys(std::int32_t op);

/// A shape's key: its value as a number; of `activation` its code. The key is one of operator_keys.
std::int64_t get_key(const OperatorSpec& spec, std::string_view key);
/// Sets it. heads and head_dim make the width together: set both, in that order.
void set_key(OperatorSpec& spec, std::string_view key, std::int32_t value);

/// What the operator is in a model with `tokens` tokens: linear is the MLP's first product, gelu what follows it,
/// softmax the scores over a full context. A single token stands for decoding, in the middle of the context (past is
/// half of it); several for a prompt (past is 0).
OperatorSpec default_spec(std::int32_t op, const ModelConfig& config, std::int32_t tokens);

/// "rows=128 in=768 out=3072"
std::string shape_text(const OperatorSpec& spec);

/// ib_op_desc with these numbers; all else is zero.
ib_op_desc to_desc(const OperatorSpec& spec);

}  // namespace inferbench
