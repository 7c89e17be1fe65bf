// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cuda.h>

#include <cstdint>

#include "formats.hpp"

namespace inferbench::cuda_backend {

constexpr std::int32_t kBoxInputs = 64;  ///< 16-bit values: the 128 bytes over which a tensor copy swizzles

/// Makes descriptions of matrices for the bulk copies of tensors. The driver has the function for it; it is looked up
/// at run time, since only the runtime is linked.
class TensorMaps {
 public:
  TensorMaps();
  /// False: the driver has no such function.
  bool are_there() const { return encode_ != nullptr; }
  /// A row-major matrix of 16-bit values [rows][inputs], `stride` values apart, that is copied in boxes of kBoxInputs
  /// values of `box_rows` rows. Throws Failure.
  CUtensorMap make(Format format, const void* data, std::int64_t rows, std::int64_t inputs, std::int64_t stride,
                   std::int32_t box_rows) const;

 private:
  decltype(&::cuTensorMapEncodeTiled) encode_ = nullptr;
};

}  // namespace inferbench::cuda_backend
