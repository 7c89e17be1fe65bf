// SPDX-License-Identifier: Apache-2.0
// Matrices as MLX quantizes them ("affine"): each row is cut into groups, and a value is scale q + bias with the scale
// and the bias of its group. The numbers q are a stream of bits in little-endian words, the lowest bits first.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

#include "model/families/family.hpp"
#include "model/safetensors_file.hpp"

namespace inferbench {

/// One such matrix [rows, inputs].
struct MlxMatrix {
  std::span<const std::byte> packed;  ///< [rows, inputs * bits / 8]
  std::span<const std::byte> scales;  ///< [rows, inputs / group] of `dtype`
  std::span<const std::byte> biases;  ///< as scales
  std::int32_t dtype = 0;             ///< IB_DTYPE_* of scales and biases
  std::int64_t rows = 0;
  std::int64_t inputs = 0;
  std::int64_t group = 0;  ///< values
  std::int32_t bits = 0;   ///< of each q: 2, 3, 4, 5, 6 or 8

  /// Writes the `inputs` values of a row.
  void dequantize_row(std::int64_t row, float* out) const;
};

/// The tensors that hold a matrix: NAME.weight, NAME.scales and NAME.biases.
struct MlxTensors {
  const SafetensorsFile* file = nullptr;  ///< of the weight; the others may be in other shards
  const SafetensorsTensor* weight = nullptr;
  const SafetensorsFile* scales_file = nullptr;
  const SafetensorsTensor* scales = nullptr;
  const SafetensorsFile* biases_file = nullptr;
  const SafetensorsTensor* biases = nullptr;
};

/// The matrix that they hold, of the shape of `stored`; its bits and its group follow from their shapes, so that each
/// matrix may have its own. Borrows from the files. Throws Error that names the file and the tensor.
MlxMatrix read_mlx_matrix(const MlxTensors& tensors, const StoredTensor& stored);

}  // namespace inferbench
