// SPDX-License-Identifier: Apache-2.0
#include "norm.hpp"

#include <ATen/ATen.h>

namespace inferbench::torch_backend {

// Of libtorch's operators: 1.13 has none for it, and that of 2.4 and later consists of these.
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
