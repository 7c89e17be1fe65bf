// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <ATen/ATen.h>

namespace inferbench::torch_backend {

/// x [rows, inputs] times the transposed `weight` [outputs, inputs], plus `bias` [outputs] where defined; all dense
/// fp32, the weight contiguous. oneDNN's operator takes and gives tensors of its own layout, hence the two conversions.
inline at::Tensor product(const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias = {}) {
  const at::Tensor rows = x.to_mkldnn();
  return (bias.defined() ? at::mkldnn_linear(rows, weight, bias) : at::mkldnn_linear(rows, weight)).to_dense();
}

}  // namespace inferbench::torch_backend
