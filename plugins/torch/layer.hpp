// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <memory>
#include <vector>

#include "attention.hpp"
#include "linear.hpp"

namespace inferbench::torch_backend {

// Tokens that one pass through the layers takes; longer calls make several, which bounds the work space.
constexpr std::int32_t kPassRows = 512;

struct LayerNorm {
  at::Tensor weight;  ///< [width]
  at::Tensor bias;    ///< [width]

  std::uint64_t bytes() const;
  /// x [rows, width] -> [rows, width]
  at::Tensor run(const at::Tensor& x, double epsilon) const;
};

struct Layer {
  LayerNorm ln_1;
  std::unique_ptr<Linear> c_attn;  ///< width -> 3 width: queries, keys, values
  std::unique_ptr<Linear> attn_c_proj;
  LayerNorm ln_2;
  std::unique_ptr<Linear> c_fc;
  std::unique_ptr<Linear> mlp_c_proj;

  /// Of all that is there.
  std::uint64_t bytes() const;
  /// x [rows, width] -> mlp_c_proj(activation(c_fc(x))) [rows, width]
  at::Tensor mlp(const at::Tensor& x, std::int32_t activation) const;
};

/// What is the same for all layers.
struct LayerSettings {
  std::int32_t activation = 0;  ///< IB_ACTIVATION_*
  double epsilon = 0;
};

/// x = activation(x)
void activate(at::Tensor& x, std::int32_t activation);

/// x [rows, width] through `layer`, the index-th of the cache, in place; `segments` says whose its rows are.
void run_layer(const Layer& layer, std::int64_t index, double attention_scale, const LayerSettings& settings,
               const std::vector<Segment>& segments, Attention& attention, at::Tensor& x);

}  // namespace inferbench::torch_backend
