// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <initializer_list>
#include <memory>
#include <string>

#include "context.hpp"
#include "layer.hpp"

namespace inferbench::torch_backend {

/// Whether `precision` is int8, else fp32. Throws Failure(IB_UNSUPPORTED) for others, and where libtorch lacks it.
bool is_int8(const char* precision);

/// Reads and packs tensor after tensor; after each it reports progress and asks the host whether to go on. Names are
/// "PREFIXweight" and "PREFIXbias". Throws Failure, c10::Error.
class Loader {
 public:
  Loader(Context& context, const ib_tensor* tensors, std::uint64_t n_tensors, bool int8)
      : context_(context), tensors_(tensors, n_tensors), n_tensors_(n_tensors), int8_(int8) {}

  at::Tensor take(const std::string& name, std::initializer_list<std::int64_t> shape);
  LayerNorm layer_norm(const std::string& prefix, std::int64_t width);
  std::unique_ptr<Linear> linear(const std::string& prefix, std::int64_t inputs, std::int64_t outputs);
  /// `weight` [outputs, inputs]; `bias` [outputs] or undefined.
  std::unique_ptr<Linear> pack(const at::Tensor& weight, const at::Tensor& bias) const;
  Layer layer(const std::string& prefix, std::int64_t width, std::int64_t inner);

 private:
  Context& context_;
  TensorMap tensors_;
  std::uint64_t n_tensors_;
  std::uint64_t n_taken_ = 0;
  bool int8_;
};

}  // namespace inferbench::torch_backend
