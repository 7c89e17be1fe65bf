// SPDX-License-Identifier: Apache-2.0
#include "formats/weight_source.hpp"

#include <algorithm>
#include <bit>
#include <cstring>

namespace inferbench::cpu_quant {
namespace {

float f16_to_f32(std::uint16_t half) {
  // Shifting exponent and mantissa into place leaves the exponent 112 too small; multiplying by 2^112 mends it and
  // turns subnormals into normals. Infinities and NaN need the largest exponent instead.
  const std::uint32_t magnitude = static_cast<std::uint32_t>(half & 0x7fff) << 13;
  const std::uint32_t sign = static_cast<std::uint32_t>(half & 0x8000) << 16;
  const std::uint32_t finite = std::bit_cast<std::uint32_t>(std::bit_cast<float>(magnitude) * 0x1p112F);
  const std::uint32_t special = magnitude | 0x7f800000U;
  return std::bit_cast<float>(((half & 0x7c00) == 0x7c00 ? special : finite) | sign);
}

float bf16_to_f32(std::uint16_t upper) {
  return std::bit_cast<float>(static_cast<std::uint32_t>(upper) << 16);
}

/// Converts `count` consecutive values; the source need not be aligned.
void convert(const std::uint8_t* source, std::int32_t dtype, std::int64_t count, float* out) {
  if (dtype == IB_DTYPE_F32) {
    std::memcpy(out, source, static_cast<std::size_t>(count) * sizeof(float));
    return;
  }
  constexpr std::int64_t kPiece = 256;
  std::uint16_t piece[kPiece];
  for (std::int64_t begin = 0; begin < count; begin += kPiece) {
    const std::int64_t n = std::min(kPiece, count - begin);
    std::memcpy(piece, source + 2 * begin, static_cast<std::size_t>(n) * sizeof(std::uint16_t));
    if (dtype == IB_DTYPE_F16) {
      for (std::int64_t i = 0; i < n; ++i) out[begin + i] = f16_to_f32(piece[i]);
    } else {
      for (std::int64_t i = 0; i < n; ++i) out[begin + i] = bf16_to_f32(piece[i]);
    }
  }
}

/// in[8][columns] -> out[columns][stride], eight rows at a time so that each cache line of `out` is written in one go.
void transpose_rows(const float* rows, std::int64_t row_stride, std::int64_t n_rows, std::int64_t n_columns, float* out,
                    std::int64_t stride) {
  for (std::int64_t column = 0; column < n_columns; ++column) {
    float* to = out + column * stride;
    for (std::int64_t row = 0; row < n_rows; ++row) to[row] = rows[row * row_stride + column];
  }
}

}  // namespace

void read_values(const void* data, std::int32_t dtype, std::int64_t first, std::int64_t count, float* out) {
  const std::int64_t size = dtype == IB_DTYPE_F32 ? 4 : 2;
  convert(static_cast<const std::uint8_t*>(data) + first * size, dtype, count, out);
}

void read_block(const WeightSource& source, std::int64_t channel, std::int64_t n_channels, std::int64_t input,
                std::int64_t n_inputs, float* out, std::int64_t stride) {
  if (source.channels_are_rows) {
    for (std::int64_t i = 0; i < n_channels; ++i) {
      read_values(source.data, source.dtype, (channel + i) * source.n_inputs + input, n_inputs, out + i * stride);
    }
    return;
  }
  constexpr std::int64_t kRows = 16;
  constexpr std::int64_t kColumns = 64;
  float rows[kRows * kColumns];
  for (std::int64_t k = 0; k < n_inputs; k += kRows) {
    const std::int64_t n_rows = std::min(kRows, n_inputs - k);
    for (std::int64_t c = 0; c < n_channels; c += kColumns) {
      const std::int64_t n_columns = std::min(kColumns, n_channels - c);
      for (std::int64_t row = 0; row < n_rows; ++row) {
        const std::int64_t first = (input + k + row) * source.n_channels + channel + c;
        read_values(source.data, source.dtype, first, n_columns, rows + row * kColumns);
      }
      transpose_rows(rows, kColumns, n_rows, n_columns, out + c * stride + k, stride);
    }
  }
}

}  // namespace inferbench::cpu_quant
