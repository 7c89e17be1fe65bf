// SPDX-License-Identifier: Apache-2.0
#include "forward.hpp"

namespace inferbench::cpu_ref {

void layer_norm(const Model& model, const Norm& norm, const Rows& x, const Rows& y) {
  const Shape& shape = model.shape;
  model.engine.pool->parallel_for(x.n, [&](std::int64_t r, int) {
    model.engine.kernels->layer_norm(x.row(r), norm.weight, norm.bias, shape.width, shape.epsilon, y.row(r));
  });
}

}  // namespace inferbench::cpu_ref
