// SPDX-License-Identifier: Apache-2.0
#include "loader.hpp"

#include <algorithm>

#include "inferbench/backend_values.hpp"
#include "inferbench/decoder.hpp"

namespace inferbench::onednn {
namespace {

/// Copies `tensor` [outputs, inputs] to `to`, as the outputs from `first` on.
void read_outputs(const ib_tensor& tensor, std::int64_t first, Matrix& to) {
  const std::int64_t outputs = tensor.shape[0];
  float* values = to.values.data();
  if (to.by_outputs) {
#pragma omp parallel for
    for (std::int64_t i = 0; i < outputs; ++i) read_row(tensor, i, 0, to.inputs, values + (first + i) * to.inputs);
    return;
  }
#pragma omp parallel for
  for (std::int64_t k = 0; k < to.inputs; ++k) {
    read_column(tensor, k, 0, outputs, values + k * to.outputs + first);
  }
}

}  // namespace

void Loader::report() {
  // A tied head reads the embedding a second time.
  context_.host.progress(std::min(static_cast<double>(++n_taken_) / static_cast<double>(desc_.n_tensors), 1.0));
  context_.host.throw_if_cancelled();
}

std::vector<float> Loader::matrix(const std::string& name, std::int64_t rows, std::int64_t columns) {
  const ib_tensor& tensor = tensors_.get(name + ".weight", {rows, columns});
  std::vector<float> values(static_cast<std::size_t>(rows * columns));
#pragma omp parallel for
  for (std::int64_t row = 0; row < rows; ++row) read_row(tensor, row, 0, columns, values.data() + row * columns);
  report();
  return values;
}

std::vector<float> Loader::vector(const std::string& name, std::int64_t n) {
  std::vector<float> values(static_cast<std::size_t>(n));
  read_vector(tensors_.get(name, {n}), 0, n, values.data());
  report();
  return values;
}

Norm Loader::norm(const std::string& name) {
  Norm norm;
  norm.weight = vector(name + ".weight", desc_.hidden_size);
  if (desc_.norm == IB_NORM_LAYER) norm.bias = vector(name + ".bias", desc_.hidden_size);
  return norm;
}

Linear Loader::linear(std::initializer_list<Part> parts, std::int64_t inputs, bool has_bias) {
  Matrix weight;
  weight.inputs = inputs;
  for (const Part& part : parts) weight.outputs += part.outputs;
  // Keep the storage order of the first part: reading against it misses the cache at every element.
  const ib_tensor& first_tensor = tensors_.get(parts.begin()->name + ".weight", {parts.begin()->outputs, inputs});
  weight.by_outputs = first_tensor.strides[1] <= first_tensor.strides[0];
  weight.values.resize(static_cast<std::size_t>(weight.inputs * weight.outputs));
  std::vector<float> bias;
  std::int64_t first = 0;
  for (const Part& part : parts) {
    read_outputs(tensors_.get(part.name + ".weight", {part.outputs, inputs}), first, weight);
    report();
    first += part.outputs;
    if (!has_bias) continue;
    const std::vector<float> values = vector(part.name + ".bias", part.outputs);
    bias.insert(bias.end(), values.begin(), values.end());
  }
  return pack_linear(context_.engine, context_.stream, precision_, weight, std::move(bias));
}

Norm Loader::layer_norm(std::int32_t index, std::string_view name) {
  return norm(decoder::layer_tensor_name(index, name));
}

Linear Loader::mlp_up(std::int32_t index) {
  return linear({{decoder::layer_tensor_name(index, "mlp_up"), desc_.intermediate_size}}, desc_.hidden_size,
                desc_.mlp_bias != 0);
}

void Loader::read_mlp(std::int32_t index, Layer& layer) {
  const bool has_bias = desc_.mlp_bias != 0;
  if (desc_.gated != 0) {
    layer.mlp_gate =
        linear({{decoder::layer_tensor_name(index, "mlp_gate"), desc_.intermediate_size}}, desc_.hidden_size, has_bias);
  }
  layer.mlp_up = mlp_up(index);
  layer.mlp_down =
      linear({{decoder::layer_tensor_name(index, "mlp_down"), desc_.hidden_size}}, desc_.intermediate_size, has_bias);
}

void Loader::read_qk_norms(std::int32_t index, Layer& layer) {
  if (desc_.qk_norm == 0) return;
  layer.q_norm = vector(decoder::layer_tensor_name(index, "attn_q_norm.weight"), desc_.head_dim);
  layer.k_norm = vector(decoder::layer_tensor_name(index, "attn_k_norm.weight"), desc_.head_dim);
}

Layer Loader::layer(std::int32_t index) {
  const std::int64_t query_size = decoder::query_size(desc_);
  const std::int64_t kv_size = decoder::kv_size(desc_);
  Layer layer;
  layer.desc = desc_.layers[index];
  layer.attn_norm = layer_norm(index, "attn_norm");
  layer.attn_qkv = linear({{decoder::layer_tensor_name(index, "attn_q"), query_size},
                           {decoder::layer_tensor_name(index, "attn_k"), kv_size},
                           {decoder::layer_tensor_name(index, "attn_v"), kv_size}},
                          desc_.hidden_size, desc_.qkv_bias != 0);
  read_qk_norms(index, layer);
  layer.attn_out = linear({{decoder::layer_tensor_name(index, "attn_out"), desc_.hidden_size}}, query_size,
                          desc_.attn_out_bias != 0);
  layer.mlp_norm = layer_norm(index, "mlp_norm");
  read_mlp(index, layer);
  return layer;
}

}  // namespace inferbench::onednn
