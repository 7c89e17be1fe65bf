// SPDX-License-Identifier: Apache-2.0
#include "layer.hpp"

#include <ATen/ATen.h>

#include "inferbench/backend.h"

namespace inferbench::torch_backend {
namespace {

std::uint64_t bytes_of(const at::Tensor& tensor) {
  return tensor.defined() ? tensor.nbytes() : 0;
}

std::uint64_t bytes_of(const std::unique_ptr<Linear>& linear) {
  return linear == nullptr ? 0 : linear->bytes();
}

}  // namespace

std::uint64_t LayerNorm::bytes() const {
  return bytes_of(weight) + bytes_of(bias);
}

at::Tensor LayerNorm::run(const at::Tensor& x, double epsilon) const {
  return at::layer_norm(x, {weight.size(0)}, weight, bias, epsilon);
}

std::uint64_t Layer::bytes() const {
  return ln_1.bytes() + ln_2.bytes() + bytes_of(c_attn) + bytes_of(attn_c_proj) + bytes_of(c_fc) + bytes_of(mlp_c_proj);
}

at::Tensor Layer::mlp(const at::Tensor& x, std::int32_t activation) const {
  at::Tensor hidden = c_fc->run(x);
  activate(hidden, activation);
  return mlp_c_proj->run(hidden);
}

void activate(at::Tensor& x, std::int32_t activation) {
  if (activation == IB_ACTIVATION_GELU_TANH) {
    at::gelu_(x, "tanh");
  } else if (activation == IB_ACTIVATION_GELU_ERF) {
    at::gelu_(x, "none");
  } else {
    at::relu_(x);
  }
}

void run_layer(const Layer& layer, std::int64_t index, double attention_scale, const LayerSettings& settings,
               const std::vector<Segment>& segments, Attention& attention, at::Tensor& x) {
  const at::Tensor qkv = layer.c_attn->run(layer.ln_1.run(x, settings.epsilon));
  at::Tensor attended = at::empty_like(x);
  for (const Segment& segment : segments) attention.run(index, segment, attention_scale, qkv, attended);
  x.add_(layer.attn_c_proj->run(attended));
  x.add_(layer.mlp(layer.ln_2.run(x, settings.epsilon), settings.activation));
}

}  // namespace inferbench::torch_backend
