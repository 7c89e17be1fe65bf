// SPDX-License-Identifier: Apache-2.0
#include "layer.hpp"

#include <ATen/ATen.h>

#include "inferbench/decoder.hpp"

namespace inferbench::torch_backend {
namespace {

std::uint64_t bytes_of(const at::Tensor& tensor) {
  return tensor.defined() ? tensor.nbytes() : 0;
}

std::uint64_t bytes_of(const std::unique_ptr<Linear>& linear) {
  return linear == nullptr ? 0 : linear->bytes();
}

void activate(std::int32_t activation, const at::Tensor& x, at::Tensor& out) {
  switch (activation) {
    case IB_ACTIVATION_GELU_TANH:
      at::gelu_out(out, x, "tanh");
      break;
    case IB_ACTIVATION_GELU_ERF:
      at::gelu_out(out, x, "none");
      break;
    case IB_ACTIVATION_SILU:
      at::silu_out(out, x);
      break;
    default:
      at::clamp_min_out(out, x, 0);
  }
}

at::Tensor with_post_norm(const Norm& norm, const ib_model_desc& desc, at::Tensor x) {
  return norm.weight.defined() ? norm.run(x, desc.norm_epsilon) : x;
}

}  // namespace

std::uint64_t Layer::bytes() const {
  return attn_norm.bytes() + bytes_of(attn_qkv) + bytes_of(q_norm) + bytes_of(k_norm) + bytes_of(attn_out) +
         attn_post_norm.bytes() + mlp_norm.bytes() + bytes_of(mlp_up) + bytes_of(mlp_down) + mlp_post_norm.bytes();
}

at::Tensor activated(const ib_model_desc& desc, const at::Tensor& x) {
  at::Tensor out = at::empty({x.size(0), desc.intermediate_size}, x.options());
  if (desc.gated == 0) {
    activate(desc.activation, x, out);
    return out;
  }
  activate(desc.activation, x.narrow(1, 0, desc.intermediate_size), out);
  return out.mul_(x.narrow(1, desc.intermediate_size, desc.intermediate_size));
}

at::Tensor run_mlp(const Layer& layer, const ib_model_desc& desc, const at::Tensor& x) {
  return layer.mlp_down->run(activated(desc, layer.mlp_up->run(x)));
}

at::Tensor attend(const Layer& layer, std::int64_t index, const ib_model_desc& desc, Pass& pass, Attention& attention,
                  const at::Tensor& qkv) {
  const std::int64_t rows = qkv.size(0);
  const std::int64_t n_heads = desc.n_heads;
  const std::int64_t n_kv_heads = desc.n_kv_heads;
  const at::Tensor all = qkv.view({rows, n_heads + 2 * n_kv_heads, desc.head_dim});
  at::Tensor turned = all.narrow(1, 0, n_heads + n_kv_heads);  // queries and keys
  if (layer.q_norm.defined()) {
    turned = at::cat({rms_norm(turned.narrow(1, 0, n_heads), layer.q_norm, desc.norm_epsilon),
                      rms_norm(turned.narrow(1, n_heads, n_kv_heads), layer.k_norm, desc.norm_epsilon)},
                     1);
  }
  if (layer.desc.rotary_table >= 0) turned = pass.rotation.run(layer.desc.rotary_table, turned);
  const Heads heads{turned.narrow(1, 0, n_heads), turned.narrow(1, n_heads, n_kv_heads),
                    all.narrow(1, n_heads + n_kv_heads, n_kv_heads)};
  at::Tensor out = at::empty({rows, decoder::query_size(desc)}, qkv.options());
  for (Segment& segment : pass.segments) attention.run(index, layer.desc, segment, heads, out);
  return out;
}

void run_layer(const Layer& layer, std::int64_t index, const ib_model_desc& desc, Pass& pass, Attention& attention,
               at::Tensor& x) {
  const at::Tensor qkv = layer.attn_qkv->run(layer.attn_norm.run(x, desc.norm_epsilon));
  const at::Tensor attended = attend(layer, index, desc, pass, attention, qkv);
  x.add_(with_post_norm(layer.attn_post_norm, desc, layer.attn_out->run(attended)));
  const at::Tensor y = run_mlp(layer, desc, layer.mlp_norm.run(x, desc.norm_epsilon));
  x.add_(with_post_norm(layer.mlp_post_norm, desc, y));
}

}  // namespace inferbench::torch_backend
