// SPDX-License-Identifier: Apache-2.0
#include "norm.hpp"

#include <mlx/fast.h>

namespace inferbench::mlx_backend {

mx::array rms_norm(const mx::array& x, const mx::array& weight, double epsilon) {
  return mx::fast::rms_norm(x, weight, static_cast<float>(epsilon));
}

std::uint64_t Norm::bytes() const {
  return bytes_of(weight) + bytes_of(bias);
}

mx::array Norm::run(const mx::array& x, double epsilon) const {
  if (!bias) return rms_norm(x, *weight, epsilon);
  return mx::fast::layer_norm(x, weight, bias, static_cast<float>(epsilon));
}

}  // namespace inferbench::mlx_backend
