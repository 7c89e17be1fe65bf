// SPDX-License-Identifier: Apache-2.0
#include "primitives.hpp"

namespace inferbench::onednn {

namespace {

constexpr auto kInference = dnnl::prop_kind::forward_inference;
const auto kNormFlags = dnnl::normalization_flags::use_scale | dnnl::normalization_flags::use_shift;

}  // namespace

#if DNNL_VERSION_MAJOR >= 3

dnnl::matmul make_matmul(const dnnl::engine& engine, const dnnl::memory::desc& x, const dnnl::memory::desc& w,
                         const dnnl::memory::desc& y, const dnnl::primitive_attr& attributes) {
  return dnnl::matmul(dnnl::matmul::primitive_desc(engine, x, w, y, attributes));
}

dnnl::matmul make_matmul(const dnnl::engine& engine, const dnnl::memory::desc& x, const dnnl::memory::desc& w,
                         const dnnl::memory::desc& bias, const dnnl::memory::desc& y,
                         const dnnl::primitive_attr& attributes) {
  return dnnl::matmul(dnnl::matmul::primitive_desc(engine, x, w, bias, y, attributes));
}

dnnl::memory::desc packed_weights(const dnnl::engine& engine, const dnnl::memory::desc& x, const dnnl::memory::desc& w,
                                  const dnnl::memory::desc& y) {
  return dnnl::matmul::primitive_desc(engine, x, w, y).weights_desc();
}

dnnl::softmax_forward make_softmax(const dnnl::engine& engine, const dnnl::memory::desc& layout, int axis) {
  return dnnl::softmax_forward(dnnl::softmax_forward::primitive_desc(
      engine, kInference, dnnl::algorithm::softmax_accurate, layout, layout, axis));
}

dnnl::layer_normalization_forward make_layer_norm(const dnnl::engine& engine, const dnnl::memory::desc& layout,
                                                  float epsilon) {
  return dnnl::layer_normalization_forward(
      dnnl::layer_normalization_forward::primitive_desc(engine, kInference, layout, layout, epsilon, kNormFlags));
}

dnnl::eltwise_forward make_activation(const dnnl::engine& engine, dnnl::algorithm algorithm, float alpha,
                                      const dnnl::memory::desc& layout) {
  return dnnl::eltwise_forward(
      dnnl::eltwise_forward::primitive_desc(engine, kInference, algorithm, layout, layout, alpha, 0.0F));
}

void append_activation(dnnl::post_ops& operations, dnnl::algorithm algorithm, float alpha) {
  operations.append_eltwise(algorithm, alpha, 0);
}

#else

dnnl::matmul make_matmul(const dnnl::engine& engine, const dnnl::memory::desc& x, const dnnl::memory::desc& w,
                         const dnnl::memory::desc& y, const dnnl::primitive_attr& attributes) {
  return dnnl::matmul({dnnl::matmul::desc(x, w, y), attributes, engine});
}

dnnl::matmul make_matmul(const dnnl::engine& engine, const dnnl::memory::desc& x, const dnnl::memory::desc& w,
                         const dnnl::memory::desc& bias, const dnnl::memory::desc& y,
                         const dnnl::primitive_attr& attributes) {
  return dnnl::matmul({dnnl::matmul::desc(x, w, bias, y), attributes, engine});
}

dnnl::memory::desc packed_weights(const dnnl::engine& engine, const dnnl::memory::desc& x, const dnnl::memory::desc& w,
                                  const dnnl::memory::desc& y) {
  return dnnl::matmul::primitive_desc(dnnl::matmul::desc(x, w, y), engine).weights_desc();
}

dnnl::softmax_forward make_softmax(const dnnl::engine& engine, const dnnl::memory::desc& layout, int axis) {
  return dnnl::softmax_forward({dnnl::softmax_forward::desc(kInference, layout, axis), engine});
}

dnnl::layer_normalization_forward make_layer_norm(const dnnl::engine& engine, const dnnl::memory::desc& layout,
                                                  float epsilon) {
  return dnnl::layer_normalization_forward(
      {dnnl::layer_normalization_forward::desc(kInference, layout, epsilon, kNormFlags), engine});
}

dnnl::eltwise_forward make_activation(const dnnl::engine& engine, dnnl::algorithm algorithm, float alpha,
                                      const dnnl::memory::desc& layout) {
  return dnnl::eltwise_forward({dnnl::eltwise_forward::desc(kInference, algorithm, layout, alpha, 0), engine});
}

void append_activation(dnnl::post_ops& operations, dnnl::algorithm algorithm, float alpha) {
  operations.append_eltwise(1, algorithm, alpha, 0);
}

#endif

}  // namespace inferbench::onednn
