// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "inferbench/op_bench.h"
#include "model/model_config.hpp"

namespace inferbench {

/// Which linear layers of an operator have a bias.
enum class OperatorBias : std::int32_t {
  kNone,
  kAll,
  kQkv,        ///< attn_q, attn_k and attn_v
  kAttention,  ///< these and attn_out
};

/// An operator and its shape: the numbers of its one layer (ib_op_desc, ib_model_desc). Fields that the operator does
/// not use keep their defaults; hidden_size is then heads * head_dim.
struct OperatorSpec {
  std::int32_t op = IB_OP_LINEAR;
  std::int32_t rows = 0;
  std::int32_t past = 0;
  std::int32_t hidden_size = 1;
  std::int32_t intermediate_size = 1;
  std::int32_t heads = 1;
  std::int32_t kv_heads = 1;
  std::int32_t head_dim = 1;
  std::int32_t window = 0;    ///< 0: none
  std::int32_t soft_cap = 0;  ///< of attention scores; 0: none
  std::int32_t norm = IB_NORM_LAYER;
  std::int32_t activation = IB_ACTIVATION_GELU_TANH;
  std::int32_t bias = 0;  ///< OperatorBias
  // 0 or 1:
  std::int32_t gated = 0;
  std::int32_t rotary = 0;
  std::int32_t qk_norm = 0;
  std::int32_t post_norm = 0;
  double norm_epsilon = 1e-5;

  friend bool operator==(const OperatorSpec&, const OperatorSpec&) = default;
};

/// "norm", "linear", "attention", "activation", "softmax", "mlp", "layer", "rotary"; in the order of the IB_OP_* codes.
const std::vector<std::string>& operator_names();
std::string_view operator_name(std::int32_t op);
/// IB_OP_*, or -1.
std::int32_t operator_from(std::string_view name);

/// The keys of an operator's shape, in the order in which they are printed:
///   norm        rows, width, norm
///   linear      rows, in, out, bias
///   attention   tokens, past, heads, kv_heads, head_dim, window, rotary, qk_norm, soft_cap
///   activation  rows, width, activation, gated
///   softmax     rows, width
///   mlp         rows, width, inner, activation, gated, bias
///   layer       tokens, past, heads, kv_heads, head_dim, width, inner, activation, gated, norm, bias, window, rotary,
///               qk_norm, post_norm, soft_cap
///   rotary      tokens, past, heads, kv_heads, head_dim
const std::vector<std::string>& operator_keys(std::int32_t op);

/// How the values of a key are written, in the order of their codes; empty for a number. The activations are spelled as
/// in config.json.
const std::vector<std::string>& key_words(std::string_view key);
/// True for a key whose value is true or false.
bool is_flag(std::string_view key);

/// The value of a key, which must be one of operator_keys; for a key with words, its code.
std::int32_t get_key(const OperatorSpec& spec, std::string_view key);
/// Sets a key's value. Keys that are set earlier have an effect on later ones only as defaults: if there were as many
/// key-value heads as heads, it stays so, and if the width was heads * head_dim, it stays so.
void set_key(OperatorSpec& spec, std::string_view key, std::int32_t value);

/// Why the shape makes no sense, such as "heads=6 is not a multiple of kv_heads=4"; empty if it does.
std::string shape_fault(const OperatorSpec& spec);

/// The operator as it occurs in the first layer of a model with `tokens` tokens: linear is the MLP's first product,
/// activation what follows it, softmax the scores over a full context. A single token means decoding in the middle of
/// the context (past is half of it); several mean a prompt (past is 0). Of a long context, only 4096 positions count.
OperatorSpec default_spec(std::int32_t op, const ModelConfig& config, std::int32_t tokens);

/// Whether the operator has an MLP with a gate.
inline bool has_gated_mlp(const OperatorSpec& spec) {
  return spec.gated != 0 && (spec.op == IB_OP_MLP || spec.op == IB_OP_LAYER);
}

/// "rows=128 in=768 out=3072 bias=all". Keys with the value that most models of GPT-2's kind have are left out.
std::string shape_text(const OperatorSpec& spec);

/// The model of one layer that has the operator. Rotary positions have the base 10000, and the attention the scale
/// 1/sqrt(head_dim): other values take the same time.
ModelConfig layer_config(const OperatorSpec& spec);

/// The IB_FEATURE_* that a backend must have to compute the operator.
std::uint64_t operator_features(const OperatorSpec& spec);

}  // namespace inferbench
