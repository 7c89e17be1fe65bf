// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>

namespace inferbench::torch_backend {

/// x [..., columns] -> x / sqrt(mean(x^2) + epsilon) * weight [columns], for each of x's last dimension.
at::Tensor rms_norm(const at::Tensor& x, const at::Tensor& weight, double epsilon);

/// A layer norm, or an RMS norm where there is no bias.
struct Norm {
  at::Tensor weight;  ///< [columns]; undefined: this norm is not there
  at::Tensor bias;    ///< [columns] or undefined

  std::uint64_t bytes() const;
  /// x [rows, columns] -> [rows, columns]
  at::Tensor run(const at::Tensor& x, double epsilon) const;
};

}  // namespace inferbench::torch_backend
