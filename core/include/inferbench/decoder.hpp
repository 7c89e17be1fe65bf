// SPDX-License-Identifier: Apache-2.0
//
// Optional C++20 help: what ib_model_desc means in tensors, features and costs. The one home of these facts, for the
// host and for backends.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "inferbench/backend.h"

namespace inferbench::decoder {

// ---- sizes ----

/// Values of one token's queries, and of the attention's output before its projection.
constexpr std::int64_t query_size(const ib_model_desc& desc) {
  return std::int64_t{desc.n_heads} * desc.head_dim;
}
/// Values of one token's keys in one layer, and of its values.
constexpr std::int64_t kv_size(const ib_model_desc& desc) {
  return std::int64_t{desc.n_kv_heads} * desc.head_dim;
}

// ---- tensors ----

enum class TensorRole : std::uint8_t {
  kTokenEmbedding,
  kPositionEmbedding,
  kHead,
  kLinearWeight,
  kLinearBias,
  kNormWeight,
  kNormBias,
};

/// A tensor that a description asks for.
struct TensorSpec {
  std::string name;         ///< as in ib_model_desc
  std::int32_t layer = -1;  ///< -1 outside the layers
  TensorRole role = TensorRole::kLinearWeight;
  std::int32_t rank = 1;                ///< 1 or 2
  std::array<std::int64_t, 2> shape{};  ///< of a vector: its length, 0

  constexpr std::int64_t n_elements() const { return rank == 1 ? shape[0] : shape[0] * shape[1]; }
};

/// "layer.3.attn_q.weight" of 3 and "attn_q.weight".
inline std::string layer_tensor_name(std::int32_t layer, std::string_view name) {
  return "layer." + std::to_string(layer) + "." + std::string(name);
}

namespace detail {

class TensorList {
 public:
  TensorList(const ib_model_desc& desc, std::vector<TensorSpec>& list) : desc_(desc), list_(list) {}

  void add_layer(std::int32_t layer) {
    layer_ = layer;
    const std::int64_t hidden = desc_.hidden_size;
    const std::int64_t query = query_size(desc_);
    const std::int64_t kv = kv_size(desc_);
    const bool qkv_bias = desc_.qkv_bias != 0;
    const bool mlp_bias = desc_.mlp_bias != 0;
    add_norm("attn_norm");
    add_linear("attn_q", query, hidden, qkv_bias);
    add_linear("attn_k", kv, hidden, qkv_bias);
    add_linear("attn_v", kv, hidden, qkv_bias);
    if (desc_.qk_norm != 0) {
      add_vector("attn_q_norm.weight", desc_.head_dim, TensorRole::kNormWeight);
      add_vector("attn_k_norm.weight", desc_.head_dim, TensorRole::kNormWeight);
    }
    add_linear("attn_out", hidden, query, desc_.attn_out_bias != 0);
    if (desc_.post_norm != 0) add_norm("attn_post_norm");
    add_norm("mlp_norm");
    if (desc_.gated != 0) add_linear("mlp_gate", desc_.intermediate_size, hidden, mlp_bias);
    add_linear("mlp_up", desc_.intermediate_size, hidden, mlp_bias);
    add_linear("mlp_down", hidden, desc_.intermediate_size, mlp_bias);
    if (desc_.post_norm != 0) add_norm("mlp_post_norm");
    layer_ = -1;
  }

  void add_norm(const std::string& name) {
    add_vector(name + ".weight", desc_.hidden_size, TensorRole::kNormWeight);
    if (desc_.norm == IB_NORM_LAYER) add_vector(name + ".bias", desc_.hidden_size, TensorRole::kNormBias);
  }

  void add_matrix(const std::string& name, std::int64_t rows, std::int64_t columns, TensorRole role) {
    list_.push_back({full_name(name), layer_, role, 2, {rows, columns}});
  }

 private:
  std::string full_name(const std::string& name) const { return layer_ < 0 ? name : layer_tensor_name(layer_, name); }

  void add_vector(const std::string& name, std::int64_t n, TensorRole role) {
    list_.push_back({full_name(name), layer_, role, 1, {n, 0}});
  }

  void add_linear(const std::string& name, std::int64_t outputs, std::int64_t inputs, bool bias) {
    add_matrix(name + ".weight", outputs, inputs, TensorRole::kLinearWeight);
    if (bias) add_vector(name + ".bias", outputs, TensorRole::kLinearBias);
  }

  const ib_model_desc& desc_;
  std::vector<TensorSpec>& list_;
  std::int32_t layer_ = -1;
};

}  // namespace detail

/// The tensors of one layer, in the order in which a forward pass reads them.
inline std::vector<TensorSpec> layer_tensors(const ib_model_desc& desc, std::int32_t layer) {
  std::vector<TensorSpec> list;
  detail::TensorList(desc, list).add_layer(layer);
  return list;
}

/// All tensors of a model, in the order in which a forward pass reads them. Looks at sizes and flags only, not at
/// `layers`, rotary tables and `tensors`.
inline std::vector<TensorSpec> tensors(const ib_model_desc& desc) {
  std::vector<TensorSpec> list;
  detail::TensorList add(desc, list);
  add.add_matrix("token_embedding.weight", desc.vocab_size, desc.hidden_size, TensorRole::kTokenEmbedding);
  if (desc.learned_positions != 0) {
    add.add_matrix("position_embedding.weight", desc.max_positions, desc.hidden_size, TensorRole::kPositionEmbedding);
  }
  for (std::int32_t layer = 0; layer < desc.n_layers; ++layer) add.add_layer(layer);
  add.add_norm("final_norm");
  if (desc.tied_head == 0) add.add_matrix("head.weight", desc.vocab_size, desc.hidden_size, TensorRole::kHead);
  return list;
}

// ---- features ----

struct FeatureName {
  std::uint64_t feature;  ///< IB_FEATURE_*
  std::string_view name;  ///< [a-z_]+, as `inferbench backends` prints it
  std::string_view noun;  ///< for messages: "has no ..."
};

inline constexpr std::array<FeatureName, 19> kFeatureNames = {{
    {IB_FEATURE_LAYER_NORM, "layer_norm", "layer norm"},
    {IB_FEATURE_RMS_NORM, "rms_norm", "RMS norm"},
    {IB_FEATURE_LEARNED_POSITIONS, "learned_positions", "learned positions"},
    {IB_FEATURE_ROTARY, "rotary", "rotary positions"},
    {IB_FEATURE_GROUPED_HEADS, "grouped_heads", "grouped key-value heads"},
    {IB_FEATURE_FREE_HEAD_DIM, "free_head_dim", "heads whose sizes do not add up to the hidden size"},
    {IB_FEATURE_PLAIN_MLP, "plain_mlp", "MLP without a gate"},
    {IB_FEATURE_GATED_MLP, "gated_mlp", "gated MLP"},
    {IB_FEATURE_LINEAR_BIAS, "linear_bias", "biases of linear layers"},
    {IB_FEATURE_QK_NORM, "qk_norm", "norm of queries and keys"},
    {IB_FEATURE_POST_NORM, "post_norm", "norm after attention and MLP"},
    {IB_FEATURE_WINDOW, "window", "sliding windows"},
    {IB_FEATURE_ATTENTION_SOFT_CAP, "attention_soft_cap", "soft cap of attention scores"},
    {IB_FEATURE_LOGIT_SOFT_CAP, "logit_soft_cap", "soft cap of logits"},
    {IB_FEATURE_EMBEDDING_SCALE, "embedding_scale", "scaled embeddings"},
    {IB_FEATURE_GELU_TANH, "gelu_tanh", "GELU (tanh form)"},
    {IB_FEATURE_GELU_ERF, "gelu_erf", "GELU (erf form)"},
    {IB_FEATURE_RELU, "relu", "ReLU"},
    {IB_FEATURE_SILU, "silu", "SiLU"},
}};

/// IB_FEATURE_* of an activation; 0: an unknown one.
constexpr std::uint64_t activation_feature(std::int32_t activation) {
  switch (activation) {
    case IB_ACTIVATION_GELU_TANH:
      return IB_FEATURE_GELU_TANH;
    case IB_ACTIVATION_GELU_ERF:
      return IB_FEATURE_GELU_ERF;
    case IB_ACTIVATION_RELU:
      return IB_FEATURE_RELU;
    case IB_ACTIVATION_SILU:
      return IB_FEATURE_SILU;
    default:
      return 0;
  }
}

/// Whether a layer's window hides anything from a sequence of max_positions.
constexpr bool has_window(const ib_model_desc& desc, std::int32_t layer) {
  return desc.layers[layer].window > 0 && desc.layers[layer].window < desc.max_positions;
}

/// The IB_FEATURE_* that a backend must have to compute this model.
constexpr std::uint64_t required_features(const ib_model_desc& desc) {
  std::uint64_t features = activation_feature(desc.activation);
  const auto need = [&features](bool condition, std::uint64_t feature) {
    if (condition) features |= feature;
  };
  need(desc.norm == IB_NORM_LAYER, IB_FEATURE_LAYER_NORM);
  need(desc.norm == IB_NORM_RMS, IB_FEATURE_RMS_NORM);
  need(desc.learned_positions != 0, IB_FEATURE_LEARNED_POSITIONS);
  need(desc.n_rotary_tables != 0, IB_FEATURE_ROTARY);
  need(desc.n_kv_heads != desc.n_heads, IB_FEATURE_GROUPED_HEADS);
  need(query_size(desc) != desc.hidden_size, IB_FEATURE_FREE_HEAD_DIM);
  need(desc.gated == 0, IB_FEATURE_PLAIN_MLP);
  need(desc.gated != 0, IB_FEATURE_GATED_MLP);
  need(desc.qkv_bias != 0 || desc.attn_out_bias != 0 || desc.mlp_bias != 0, IB_FEATURE_LINEAR_BIAS);
  need(desc.qk_norm != 0, IB_FEATURE_QK_NORM);
  need(desc.post_norm != 0, IB_FEATURE_POST_NORM);
  for (std::int32_t layer = 0; layer < desc.n_layers; ++layer) need(has_window(desc, layer), IB_FEATURE_WINDOW);
  need(desc.attention_soft_cap != 0, IB_FEATURE_ATTENTION_SOFT_CAP);
  need(desc.logit_soft_cap != 0, IB_FEATURE_LOGIT_SOFT_CAP);
  need(desc.embedding_scale != 1, IB_FEATURE_EMBEDDING_SCALE);
  return features;
}

// ---- costs ----
//
// Counts are double: products of them exceed 64 bits for no real model, but intermediate terms are divided and
// multiplied by rates.

/// A multiply-add counts as two operations.
inline constexpr double kOpsPerWeight = 2;

/// Weights of a layer's linear projections: query, key, value, output, and the MLP's.
constexpr double linear_weights_per_layer(const ib_model_desc& desc) {
  const double hidden = desc.hidden_size;
  const auto attention = static_cast<double>(2 * query_size(desc) + 2 * kv_size(desc));
  const double mlp = (desc.gated != 0 ? 3.0 : 2.0) * desc.intermediate_size;
  return hidden * (attention + mlp);
}

/// Weights of all linear projections, the output head left out.
constexpr double linear_weights(const ib_model_desc& desc) {
  return desc.n_layers * linear_weights_per_layer(desc);
}

/// Weights of the output head, tied or not.
constexpr double head_weights(const ib_model_desc& desc) {
  return static_cast<double>(desc.vocab_size) * desc.hidden_size;
}

/// Pairs of a query and a key that causal attention computes for `n` new tokens after `past`, with a window (0: none):
/// token i of them attends to past + i + 1 positions, or to `window` where that is less.
constexpr double attended_pairs(double past, double n, double window = 0) {
  if (window <= 0 || past + n <= window) return n * past + n * (n + 1) / 2;
  if (past >= window) return n * window;
  const double below = window - past;  // tokens that still see all positions before them
  return below * past + below * (below + 1) / 2 + (n - below) * window;
}

/// The same, summed over the layers, each with its window.
constexpr double attended_pairs_of_layers(const ib_model_desc& desc, double past, double n) {
  double pairs = 0;
  for (std::int32_t layer = 0; layer < desc.n_layers; ++layer) {
    pairs += attended_pairs(past, n, desc.layers[layer].window);
  }
  return pairs;
}

/// Operations of attention for that many pairs: a dot product of a query and a key, and a weighted value.
constexpr double attention_operations(const ib_model_desc& desc, double pairs) {
  return 2 * kOpsPerWeight * static_cast<double>(query_size(desc)) * pairs;
}

/// Operations of a prefill of one sequence: linear projections, attention, and the head for the last token.
constexpr double prefill_operations(const ib_model_desc& desc, double prompt_tokens, double past_tokens) {
  return kOpsPerWeight * linear_weights(desc) * prompt_tokens +
         attention_operations(desc, attended_pairs_of_layers(desc, past_tokens, prompt_tokens)) +
         kOpsPerWeight * head_weights(desc);
}

/// Values that the KV cache holds for each token: a key and a value in every layer.
constexpr double kv_values_per_token(const ib_model_desc& desc) {
  return 2.0 * desc.n_layers * static_cast<double>(kv_size(desc));
}

/// Keys and values that one decode step reads of the cache with `past` tokens before it, windows applied.
constexpr double kv_values_read(const ib_model_desc& desc, double past) {
  double positions = 0;
  for (std::int32_t layer = 0; layer < desc.n_layers; ++layer) {
    const double window = desc.layers[layer].window;
    positions += window > 0 ? std::min(past, window) : past;
  }
  return 2.0 * positions * static_cast<double>(kv_size(desc));
}

}  // namespace inferbench::decoder
