// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <memory>

namespace inferbench::torch_backend {

/// A linear layer in one of the precisions. Immutable; libtorch's exceptions come through.
class Linear {
 public:
  virtual ~Linear() = default;
  /// x [rows, inputs], dense -> [rows, outputs], dense and the caller's.
  virtual at::Tensor run(const at::Tensor& x) const = 0;
  /// Weights, scales and bias.
  virtual std::uint64_t bytes() const = 0;
};

/// fp32, by libtorch's oneDNN operator (aten::mkldnn_linear): aten::addmm goes to whichever BLAS the system has chosen,
/// which may be the reference one, some fifty times slower. Shares `weight` [outputs, inputs] with the caller; `bias`
/// [outputs] may be undefined.
std::unique_ptr<Linear> make_fp32_linear(const at::Tensor& weight, const at::Tensor& bias);

/// On a GPU, by cuBLAS, in the type of `weight` and `bias`. They are shared likewise.
std::unique_ptr<Linear> make_device_linear(const at::Tensor& weight, const at::Tensor& bias);

}  // namespace inferbench::torch_backend
