// SPDX-License-Identifier: Apache-2.0
#include "norm.hpp"

#include <cmath>
#include <string>

#include "inferbench/backend.h"
#include "inferbench/backend_failure.hpp"
#include "primitives.hpp"

namespace inferbench::onednn {
namespace {

// Below this many values, waking the other threads takes longer than the work.
constexpr std::int64_t kValuesForThreads = 16384;

/// y [n] = RMS norm of x [n]; y may be x.
void rms_norm(const float* x, const float* weight, std::int64_t n, float epsilon, float* y) {
  float sum = 0;
#pragma omp simd reduction(+ : sum)
  for (std::int64_t i = 0; i < n; ++i) sum += x[i] * x[i];
  const float factor = 1 / std::sqrt(sum / static_cast<float>(n) + epsilon);
#pragma omp simd
  for (std::int64_t i = 0; i < n; ++i) y[i] = x[i] * factor * weight[i];
}

}  // namespace

void check_norm(std::int32_t kind) {
  if (kind == IB_NORM_LAYER || kind == IB_NORM_RMS) return;
  throw Failure(IB_UNSUPPORTED, "unknown norm " + std::to_string(kind));
}

Norms::Norms(const dnnl::engine& engine, std::int32_t kind, std::int64_t columns, float epsilon)
    : engine_(engine), kind_(kind), columns_(columns), epsilon_(epsilon) {
  check_norm(kind);
}

void Norms::run(dnnl::stream& stream, const Norm& norm, const float* from, std::int64_t rows, float* to) {
  if (kind_ == IB_NORM_LAYER) return run_layer_norm(stream, norm, from, rows, to);
#pragma omp parallel for if (rows * columns_ >= kValuesForThreads)
  for (std::int64_t r = 0; r < rows; ++r) {
    rms_norm(from + r * columns_, norm.weight.data(), columns_, epsilon_, to + r * columns_);
  }
}

void Norms::run_heads(const std::vector<float>& weight, const float* from, std::int64_t rows, std::int64_t n_heads,
                      std::int64_t stride, float* to) const {
  const auto head_dim = static_cast<std::int64_t>(weight.size());
#pragma omp parallel for if (rows * n_heads * head_dim >= kValuesForThreads)
  for (std::int64_t item = 0; item < rows * n_heads; ++item) {
    const std::int64_t at = item / n_heads * stride + item % n_heads * head_dim;
    rms_norm(from + at, weight.data(), head_dim, epsilon_, to + at);
  }
}

void Norms::run_layer_norm(dnnl::stream& stream, const Norm& norm, const float* from, std::int64_t rows, float* to) {
  using Tag = dnnl::memory::format_tag;
  const dnnl::memory::desc layout({rows, columns_}, dnnl::memory::data_type::f32, Tag::ab);
  const dnnl::memory::desc vector({columns_}, dnnl::memory::data_type::f32, Tag::a);
  auto found = layer_norms_.find(rows);
  if (found == layer_norms_.end()) {
    found = layer_norms_.emplace(rows, make_layer_norm(engine_, layout, epsilon_)).first;
  }
  found->second.execute(stream, {{DNNL_ARG_SRC, input_memory(engine_, layout, from)},
                                 {DNNL_ARG_DST, {layout, engine_, to}},
                                 {DNNL_ARG_SCALE, input_memory(engine_, vector, norm.weight.data())},
                                 {DNNL_ARG_SHIFT, input_memory(engine_, vector, norm.bias.data())}});
  stream.wait();
}

}  // namespace inferbench::onednn
