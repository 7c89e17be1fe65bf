// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "inferbench/backend.hpp"

/// y = x * weight + bias; weight [in, out] as GPT-2's checkpoints have it.
struct Linear {
  std::int32_t n_in = 0;
  std::int32_t n_out = 0;
  std::vector<float> weight;
  std::vector<float> bias;
};

struct LayerNorm {
  std::vector<float> weight;
  std::vector<float> bias;
};

struct Layer {
  LayerNorm ln_1;
  Linear c_attn;  ///< [width, 3 width]: queries, keys, values
  Linear attn_c_proj;
  LayerNorm ln_2;
  Linear c_fc;
  Linear mlp_c_proj;
};

struct Context {
  explicit Context(const ib_init_params& params) : host(params.host) {}
  inferbench::HostCalls host;
};

/// GPT-2's weights as fp32, copied from the host's tensors. Throws inferbench::Failure.
class Model {
 public:
  Model(Context& context, const ib_model_params& params);
  const ib_model_info& info() const { return info_; }

  inferbench::HostCalls host;
  std::int32_t n_heads;
  std::int32_t width;
  std::int32_t context;
  std::int32_t vocab;
  std::int32_t activation;  ///< IB_ACTIVATION_*
  bool scale_attn_weights;
  bool scale_attn_by_inverse_layer;
  double layer_norm_epsilon;
  std::vector<float> wte;  ///< [vocab, width]
  std::vector<float> wpe;  ///< [context, width]
  std::vector<Layer> layers;
  LayerNorm ln_f;
  std::vector<float> lm_head;  ///< [vocab, width]; empty where the model is tied

  const std::vector<float>& head() const { return lm_head.empty() ? wte : lm_head; }

 private:
  ib_model_info info_{};
};
