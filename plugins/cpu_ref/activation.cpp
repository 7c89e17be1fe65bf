// SPDX-License-Identifier: Apache-2.0
#include "forward.hpp"

namespace inferbench::cpu_ref {
namespace {

using Activation = void (*)(float* x, std::int64_t n);

Activation activation_of(const Kernels& kernels, std::int32_t activation) {
  switch (activation) {
    case IB_ACTIVATION_GELU_TANH:
      return kernels.gelu_tanh;
    case IB_ACTIVATION_GELU_ERF:
      return kernels.gelu_erf;
    case IB_ACTIVATION_RELU:
      return kernels.relu;
    default:  // shape_of has refused what is unknown
      return kernels.silu;
  }
}

}  // namespace

void activate_row(const Model& model, float* row) {
  const Shape& shape = model.shape;
  const Kernels& kernels = *model.engine.kernels;
  activation_of(kernels, shape.activation)(row, shape.intermediate_size);
  if (shape.gated) kernels.multiply_by(row, row + shape.intermediate_size, shape.intermediate_size);
}

void activate(const Model& model, const Rows& x) {
  model.engine.pool->parallel_for(x.n, [&](std::int64_t r, int) { activate_row(model, x.row(r)); });
}

}  // namespace inferbench::cpu_ref
