// SPDX-License-Identifier: Apache-2.0
#include "loader.hpp"

#include <ATen/ATen.h>

#include <string_view>

#include "inferbench/backend_values.hpp"
#include "quantized_linear.hpp"

namespace inferbench::torch_backend {

bool is_int8(const char* precision) {
  const std::string_view name = precision;
  if (name == "fp32") return false;
  if (name == "int8" && has_int8()) return true;
  throw Failure(IB_UNSUPPORTED, "precision '" + std::string(name) + "' is unknown, or this libtorch lacks it");
}

at::Tensor Loader::take(const std::string& name, std::initializer_list<std::int64_t> shape) {
  const ib_tensor& tensor = tensors_.get(name, shape);
  at::Tensor values = at::empty(at::IntArrayRef(shape));
  read_values(tensor, 0, values.numel(), values.data_ptr<float>());
  context_.host.progress(static_cast<double>(++n_taken_) / static_cast<double>(n_tensors_));
  context_.host.throw_if_cancelled();
  return values;
}

LayerNorm Loader::layer_norm(const std::string& prefix, std::int64_t width) {
  LayerNorm norm;
  norm.weight = take(prefix + "weight", {width});
  norm.bias = take(prefix + "bias", {width});
  return norm;
}

std::unique_ptr<Linear> Loader::linear(const std::string& prefix, std::int64_t inputs, std::int64_t outputs) {
  const at::Tensor weight = take(prefix + "weight", {inputs, outputs}).t();
  return pack(weight, take(prefix + "bias", {outputs}));
}

std::unique_ptr<Linear> Loader::pack(const at::Tensor& weight, const at::Tensor& bias) const {
  return int8_ ? make_int8_linear(weight.contiguous(), bias) : make_fp32_linear(weight, bias);
}

Layer Loader::layer(const std::string& prefix, std::int64_t width, std::int64_t inner) {
  Layer layer;
  layer.ln_1 = layer_norm(prefix + "ln_1.", width);
  layer.c_attn = linear(prefix + "attn.c_attn.", width, 3 * width);
  layer.attn_c_proj = linear(prefix + "attn.c_proj.", width, width);
  layer.ln_2 = layer_norm(prefix + "ln_2.", width);
  layer.c_fc = linear(prefix + "mlp.c_fc.", width, inner);
  layer.mlp_c_proj = linear(prefix + "mlp.c_proj.", inner, width);
  return layer;
}

}  // namespace inferbench::torch_backend
