// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cuda_runtime_api.h>

#include "device_memory.hpp"
#include "inferbench/backend.h"
#include "model_data.hpp"

namespace inferbench::cuda_backend {

/// Where the rows of a tensor go within a matrix.
struct RowPlace {
  std::int32_t first = 0;   ///< row of the matrix that the tensor's first row becomes
  std::int32_t gated = -1;  ///< 0 or 1: as gated_row of that part
};

/// Copies tensors to the device as they are in memory, and converts and quantizes them there. Throws Failure.
class WeightUpload {
 public:
  explicit WeightUpload(cudaStream_t stream) : stream_(stream) {}

  /// Elements [rows, columns] of `tensor` to plain rows of `stride` values at `to`.
  void rows(const ib_tensor& tensor, Format format, void* to, std::int64_t stride, RowPlace place = {});
  /// A vector as floats.
  void vector(const ib_tensor& tensor, float* to, RowPlace place = {});

  /// The rows that a quantized matrix is made from, in fp32 and zeroed: [row tiles * 16][padded inputs].
  float* begin_quantized(const MatrixShape& shape);
  /// Quantizes them.
  void end_quantized(const MatrixShape& shape, void* to);

  /// Fills matrix.folded, unless it is null, from the weights as they are on the device. `norm`: in front of it.
  void fold(const Matrix& matrix, const MatrixShape& shape, const NormWeights& norm);

 private:
  const void* stage(const void* data, std::uint64_t bytes);

  cudaStream_t stream_;
  DeviceBuffer staging_;
  DeviceBuffer unquantized_;
};

}  // namespace inferbench::cuda_backend
