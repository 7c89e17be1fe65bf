// SPDX-License-Identifier: Apache-2.0
#include "loader.hpp"

#include "inferbench/backend_values.hpp"

namespace inferbench::onednn {

std::vector<float> Loader::take(const std::string& name, std::initializer_list<std::int64_t> shape) {
  const ib_tensor& tensor = tensors_.get(name, shape);
  std::int64_t n = 1;
  for (const std::int64_t extent : shape) n *= extent;
  std::vector<float> values(static_cast<std::size_t>(n));
  read_values(tensor, 0, n, values.data());
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

Linear Loader::linear(const std::string& prefix, std::int64_t inputs, std::int64_t outputs) {
  const std::vector<float> weight = take(prefix + "weight", {inputs, outputs});
  return pack_linear(context_.engine, context_.stream, precision_, inputs, outputs, weight, false,
                     take(prefix + "bias", {outputs}));
}

Linear Loader::head(const std::vector<float>& rows, std::int64_t vocab, std::int64_t width) {
  return pack_linear(context_.engine, context_.stream, precision_, width, vocab, rows, true, {});
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

}  // namespace inferbench::onednn
