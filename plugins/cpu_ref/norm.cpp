// SPDX-License-Identifier: Apache-2.0
#include "forward.hpp"

namespace inferbench::cpu_ref {

void norm_row(const Model& model, const Norm& norm, const float* x, float* y) {
  const Shape& shape = model.shape;
  const Kernels& kernels = *model.engine.kernels;
  if (norm.bias == nullptr) return kernels.rms_norm(x, norm.weight, shape.hidden_size, shape.norm_epsilon, y);
  kernels.layer_norm(x, norm.weight, norm.bias, shape.hidden_size, shape.norm_epsilon, y);
}

void norm(const Model& model, const Norm& norm, const Rows& x, const Rows& y) {
  model.engine.pool->parallel_for(x.n, [&](std::int64_t r, int) { norm_row(model, norm, x.row(r), y.row(r)); });
}

void add_normed(const Model& model, const Norm& norm, const Rows& y, const Rows& x) {
  const std::int64_t hidden = model.shape.hidden_size;
  model.engine.pool->parallel_for(y.n, [&](std::int64_t r, int) {
    float* from = y.row(r);
    float* to = x.row(r);
    norm_row(model, norm, from, from);
    for (std::int64_t i = 0; i < hidden; ++i) to[i] += from[i];
  });
}

}  // namespace inferbench::cpu_ref
