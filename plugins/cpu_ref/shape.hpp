// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

#include "inferbench/backend.h"

namespace inferbench::cpu_ref {

/// The sizes and flags of ib_model_desc, widened so that products of them do not overflow.
struct Shape {
  std::int64_t n_layers = 0;
  std::int64_t n_heads = 0;
  std::int64_t n_kv_heads = 0;
  std::int64_t head_dim = 0;
  std::int64_t hidden_size = 0;
  std::int64_t intermediate_size = 0;
  std::int64_t max_positions = 0;
  std::int64_t vocab_size = 0;
  std::int32_t norm = IB_NORM_LAYER;
  std::int32_t activation = IB_ACTIVATION_GELU_TANH;
  bool learned_positions = false;
  bool qkv_bias = false;
  bool attn_out_bias = false;
  bool mlp_bias = false;
  bool qk_norm = false;
  bool post_norm = false;
  bool gated = false;
  bool tied_head = false;
  float norm_epsilon = 1e-5F;
  float embedding_scale = 1;
  float attention_soft_cap = 0;  ///< 0: none
  float logit_soft_cap = 0;      ///< 0: none

  std::int64_t query_size() const { return n_heads * head_dim; }
  std::int64_t kv_size() const { return n_kv_heads * head_dim; }
  /// Outputs of the fused projection: queries, then keys, then values.
  std::int64_t qkv_size() const { return query_size() + 2 * kv_size(); }
  /// Query heads that share a head of keys and values.
  std::int64_t group() const { return n_heads / n_kv_heads; }
  /// Outputs of the MLP's first product: the gate's, where there is one, then those of mlp_up.
  std::int64_t mlp_in_size() const { return (gated ? 2 : 1) * intermediate_size; }
};

/// Throws Failure(IB_UNSUPPORTED) for a norm or an activation that this ABI does not know.
Shape shape_of(const ib_model_desc& desc);

}  // namespace inferbench::cpu_ref
