// SPDX-License-Identifier: Apache-2.0
#include "norm.hpp"

#include <ATen/ATen.h>

#include "torch_version.hpp"

namespace inferbench::torch_backend {

// On the CPU, libtorch's own rms_norm is these operators. Narrow values are normed in fp32.
at::Tensor rms_norm(const at::Tensor& x, const at::Tensor& weight, double epsilon) {
  if (kHasRmsNorm && !x.is_cpu()) return library_rms_norm(x, weight, epsilon);
  const at::Tensor wide = x.to(at::kFloat);  // x itself in fp32
  return wide.mul(wide.square().mean(-1, true).add_(epsilon).rsqrt_()).mul_(weight).to(x.scalar_type());
}

std::uint64_t Norm::bytes() const {
  return (weight.defined() ? weight.nbytes() : 0) + (bias.defined() ? bias.nbytes() : 0);
}

at::Tensor Norm::run(const at::Tensor& x, double epsilon) const {
  if (!bias.defined()) return rms_norm(x, weight, epsilon);
  return at::layer_norm(x, {weight.size(0)}, weight, bias, epsilon);
}

}  // namespace inferbench::torch_backend
