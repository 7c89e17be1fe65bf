// SPDX-License-Identifier: Apache-2.0
#include "norm.hpp"

#include <ATen/ATen.h>

namespace inferbench::torch_backend {

// libtorch has rms_norm since 2.4 only, and computes it with these operators.
at::Tensor rms_norm(const at::Tensor& x, const at::Tensor& weight, double epsilon) {
  return x.mul(x.square().mean(-1, true).add_(epsilon).rsqrt_()).mul_(weight);
}

std::uint64_t Norm::bytes() const {
  return (weight.defined() ? weight.nbytes() : 0) + (bias.defined() ? bias.nbytes() : 0);
}

at::Tensor Norm::run(const at::Tensor& x, double epsilon) const {
  if (!bias.defined()) return rms_norm(x, weight, epsilon);
  return at::layer_norm(x, {weight.size(0)}, weight, bias, epsilon);
}

}  // namespace inferbench::torch_backend
