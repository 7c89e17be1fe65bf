// SPDX-License-Identifier: Apache-2.0
#include "shape.hpp"

#include "inferbench/backend_checks.hpp"

namespace inferbench::cpu_ref {

Shape shape_of(const ib_model_desc& desc) {
  check_codes(desc);
  Shape shape;
  shape.n_layers = desc.n_layers;
  shape.n_heads = desc.n_heads;
  shape.n_kv_heads = desc.n_kv_heads;
  shape.head_dim = desc.head_dim;
  shape.hidden_size = desc.hidden_size;
  shape.intermediate_size = desc.intermediate_size;
  shape.max_positions = desc.max_positions;
  shape.vocab_size = desc.vocab_size;
  shape.norm = desc.norm;
  shape.activation = desc.activation;
  shape.learned_positions = desc.learned_positions != 0;
  shape.qkv_bias = desc.qkv_bias != 0;
  shape.attn_out_bias = desc.attn_out_bias != 0;
  shape.mlp_bias = desc.mlp_bias != 0;
  shape.qk_norm = desc.qk_norm != 0;
  shape.post_norm = desc.post_norm != 0;
  shape.gated = desc.gated != 0;
  shape.tied_head = desc.tied_head != 0;
  shape.norm_epsilon = static_cast<float>(desc.norm_epsilon);
  shape.embedding_scale = static_cast<float>(desc.embedding_scale);
  shape.attention_soft_cap = static_cast<float>(desc.attention_soft_cap);
  shape.logit_soft_cap = static_cast<float>(desc.logit_soft_cap);
  return shape;
}

}  // namespace inferbench::cpu_ref
