// SPDX-License-Identifier: Apache-2.0
#include "forward.hpp"

namespace inferbench::cpu_ref {

Activation activation_of(const Model& model) {
  const Kernels& kernels = *model.engine.kernels;
  return model.shape.activation == IB_ACTIVATION_GELU_TANH  ? kernels.gelu_tanh
         : model.shape.activation == IB_ACTIVATION_GELU_ERF ? kernels.gelu_erf
                                                            : kernels.relu;
}

void activate(const Model& model, const Rows& x) {
  const Activation apply = activation_of(model);
  model.engine.pool->parallel_for(x.n, [&](std::int64_t r, int) { apply(x.row(r), model.shape.inner); });
}

}  // namespace inferbench::cpu_ref
