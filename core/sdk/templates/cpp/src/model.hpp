// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <vector>

#include "inferbench/backend.hpp"

/// y = x * transpose(weight) + bias
struct Linear {
  std::vector<float> weight;  ///< [n_out, n_in]
  std::vector<float> bias;    ///< [n_out], or empty: none
};

struct Norm {
  std::vector<float> weight;
  std::vector<float> bias;  ///< of a layer norm
};

struct Layer {
  ib_layer_desc desc{};  ///< window, rotary table, attention scale
  Norm attn_norm;
  Linear attn_q;
  Linear attn_k;
  Linear attn_v;
  Norm attn_q_norm;  ///< [head_dim], where qk_norm
  Norm attn_k_norm;
  Linear attn_out;
  Norm attn_post_norm;  ///< where post_norm
  Norm mlp_norm;
  Linear mlp_gate;  ///< where gated
  Linear mlp_up;
  Linear mlp_down;
  Norm mlp_post_norm;  ///< where post_norm
};

struct Context {
  explicit Context(const ib_init_params& params) : host(params.host) {}
  inferbench::HostCalls host;
};

/// The weights as fp32, copied from the host's tensors. Throws inferbench::Failure.
class Model {
 public:
  Model(Context& context, const ib_model_params& params);
  const ib_model_info& info() const { return info_; }

  /// The output head: [vocab_size, hidden_size].
  const std::vector<float>& head() const { return desc.tied_head != 0 ? token_embedding : own_head; }

  inferbench::HostCalls host;
  ib_model_desc desc;                      ///< sizes and flags; its pointers are gone
  std::vector<float> token_embedding;      ///< [vocab_size, hidden_size]
  std::vector<float> position_embedding;   ///< [max_positions, hidden_size], where learned_positions
  std::vector<Layer> layers;               ///< [n_layers]
  Norm final_norm;                         ///< [hidden_size]
  std::vector<float> own_head;             ///< [vocab_size, hidden_size], unless tied_head
  std::vector<double> rotary_frequencies;  ///< [n_rotary_tables, head_dim / 2]
  std::vector<double> rotary_scales;       ///< [n_rotary_tables]

 private:
  ib_model_info info_{};
};
