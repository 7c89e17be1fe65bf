// SPDX-License-Identifier: Apache-2.0
#include "loader.hpp"

#include <ATen/ATen.h>

#include <string_view>
#include <vector>

#include "inferbench/backend_values.hpp"
#include "inferbench/decoder.hpp"
#include "quantized_linear.hpp"

namespace inferbench::torch_backend {
namespace {

/// Copies `tensor` [outputs, inputs] to `to` [outputs, inputs], contiguous.
void read_rows(const ib_tensor& tensor, const at::Tensor& to) {
  const std::int64_t inputs = to.size(1);
  float* values = to.data_ptr<float>();
#pragma omp parallel for
  for (std::int64_t i = 0; i < to.size(0); ++i) read_row(tensor, i, 0, inputs, values + i * inputs);
}

/// Copies `tensor` [outputs, inputs] to `to` [inputs, outputs], whose columns are contiguous.
void read_columns(const ib_tensor& tensor, const at::Tensor& to) {
  const std::int64_t stride = to.stride(0);
  float* values = to.data_ptr<float>();
#pragma omp parallel for
  for (std::int64_t k = 0; k < to.size(0); ++k) read_column(tensor, k, 0, to.size(1), values + k * stride);
}

}  // namespace

bool is_int8(const char* precision) {
  const std::string_view name = precision;
  if (name == "fp32") return false;
  if (name == "int8" && has_int8()) return true;
  throw Failure(IB_UNSUPPORTED, "precision '" + std::string(name) + "' is unknown, or this libtorch lacks it");
}

void Loader::report() {
  context_.host.progress(static_cast<double>(++n_taken_) / static_cast<double>(desc_.n_tensors));
  context_.host.throw_if_cancelled();
}

at::Tensor Loader::matrix(const std::string& name, std::int64_t rows, std::int64_t columns) {
  const ib_tensor& tensor = tensors_.get(name + ".weight", {rows, columns});
  at::Tensor values = at::empty({rows, columns});
  read_rows(tensor, values);
  report();
  return values;
}

at::Tensor Loader::vector(const std::string& name, std::int64_t n) {
  const ib_tensor& tensor = tensors_.get(name, {n});
  at::Tensor values = at::empty({n});
  read_vector(tensor, 0, n, values.data_ptr<float>());
  report();
  return values;
}

Norm Loader::norm(const std::string& name) {
  Norm norm;
  norm.weight = vector(name + ".weight", desc_.hidden_size);
  if (desc_.norm == IB_NORM_LAYER) norm.bias = vector(name + ".bias", desc_.hidden_size);
  return norm;
}

std::unique_ptr<Linear> Loader::linear(std::initializer_list<Part> parts, std::int64_t inputs, bool has_bias) {
  std::int64_t outputs = 0;
  for (const Part& part : parts) outputs += part.outputs;
  // Keep the storage order of the first part: reading against it misses the cache at every element.
  const ib_tensor& first_tensor = tensors_.get(parts.begin()->name + ".weight", {parts.begin()->outputs, inputs});
  const bool by_outputs = first_tensor.strides[1] <= first_tensor.strides[0];
  const at::Tensor weight = by_outputs ? at::empty({outputs, inputs}) : at::empty({inputs, outputs});
  std::vector<at::Tensor> biases;
  std::int64_t first = 0;
  for (const Part& part : parts) {
    const ib_tensor& tensor = tensors_.get(part.name + ".weight", {part.outputs, inputs});
    if (by_outputs) {
      read_rows(tensor, weight.narrow(0, first, part.outputs));
    } else {
      read_columns(tensor, weight.narrow(1, first, part.outputs));
    }
    report();
    first += part.outputs;
    if (has_bias) biases.push_back(vector(part.name + ".bias", part.outputs));
  }
  return pack(by_outputs ? weight : weight.t(), has_bias ? at::cat(biases) : at::Tensor());
}

std::unique_ptr<Linear> Loader::pack(const at::Tensor& weight, const at::Tensor& bias) const {
  return int8_ ? make_int8_linear(weight.contiguous(), bias) : make_fp32_linear(weight, bias);
}

Norm Loader::layer_norm(std::int32_t index, std::string_view name) {
  return norm(decoder::layer_tensor_name(index, name));
}

std::unique_ptr<Linear> Loader::mlp_up(std::int32_t index) {
  return linear({{decoder::layer_tensor_name(index, "mlp_up"), desc_.intermediate_size}}, desc_.hidden_size,
                desc_.mlp_bias != 0);
}

void Loader::read_mlp(std::int32_t index, Layer& layer) {
  const bool has_bias = desc_.mlp_bias != 0;
  const std::int64_t intermediate = desc_.intermediate_size;
  layer.mlp_up = desc_.gated == 0 ? mlp_up(index)
                                  : linear({{decoder::layer_tensor_name(index, "mlp_gate"), intermediate},
                                            {decoder::layer_tensor_name(index, "mlp_up"), intermediate}},
                                           desc_.hidden_size, has_bias);
  layer.mlp_down = linear({{decoder::layer_tensor_name(index, "mlp_down"), desc_.hidden_size}}, intermediate, has_bias);
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
  if (desc_.post_norm != 0) layer.attn_post_norm = layer_norm(index, "attn_post_norm");
  layer.mlp_norm = layer_norm(index, "mlp_norm");
  read_mlp(index, layer);
  if (desc_.post_norm != 0) layer.mlp_post_norm = layer_norm(index, "mlp_post_norm");
  return layer;
}

}  // namespace inferbench::torch_backend
