// SPDX-License-Identifier: Apache-2.0
#include "formats/weight_source.hpp"

#include <algorithm>
#include <cstddef>

#include "inferbench/backend_values.hpp"
#include "kernels/layout.h"

namespace inferbench::cpu_quant {
namespace {

const void* at(const WeightSource& source, std::int64_t channel, std::int64_t input) {
  const std::int64_t i = channel * source.channel_stride + input * source.input_stride;
  return static_cast<const std::byte*>(source.data) + i * (source.dtype == IB_DTYPE_F32 ? 4 : 2);
}

/// read_values; of contiguous values, loops that the compiler vectorizes.
void read_run(const void* data, std::int32_t dtype, std::int64_t stride, std::int64_t n, float* out) {
  if (stride == 1) {
    read_values(data, dtype, 1, n, out);
  } else {
    read_values(data, dtype, stride, n, out);
  }
}

/// in[n_rows][row_stride] -> out[columns][stride]; the rows of a call fill whole cache lines of `out`.
void transpose_rows(const float* rows, std::int64_t row_stride, std::int64_t n_rows, std::int64_t n_columns, float* out,
                    std::int64_t stride) {
  for (std::int64_t column = 0; column < n_columns; ++column) {
    float* to = out + column * stride;
    for (std::int64_t row = 0; row < n_rows; ++row) to[row] = rows[row * row_stride + column];
  }
}

}  // namespace

WeightSource source_of(const ib_tensor& tensor) {
  return {tensor.data, tensor.dtype, tensor.shape[0], tensor.shape[1], tensor.strides[0], tensor.strides[1]};
}

void read_block(const WeightSource& source, std::int64_t channel, std::int64_t n_channels, std::int64_t input,
                std::int64_t n_inputs, float* out, std::int64_t stride) {
  if (source.input_stride <= source.channel_stride) {
    for (std::int64_t i = 0; i < n_channels; ++i) {
      read_run(at(source, channel + i, input), source.dtype, source.input_stride, n_inputs, out + i * stride);
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
        read_run(at(source, channel + c, input + k + row), source.dtype, source.channel_stride, n_columns,
                 rows + row * kColumns);
      }
      transpose_rows(rows, kColumns, n_rows, n_columns, out + c * stride + k, stride);
    }
  }
}

WeightMatrix::Tile WeightMatrix::tile(std::int32_t index) const {
  std::size_t part = 0;
  if (interleaved) {
    part = static_cast<std::size_t>(index % 2);
    index /= 2;
  } else {
    while (index >= cpu_quant::n_tiles(static_cast<std::int32_t>(parts[part].n_channels))) {
      index -= cpu_quant::n_tiles(static_cast<std::int32_t>(parts[part++].n_channels));
    }
  }
  const WeightSource& source = parts[part];
  const std::int64_t first = std::int64_t{index} * kTile;
  return {&source, first, static_cast<std::int32_t>(std::min<std::int64_t>(kTile, source.n_channels - first))};
}

std::int32_t WeightMatrix::n_tiles() const {
  std::int32_t tiles = 0;
  for (const WeightSource& part : parts) tiles += cpu_quant::n_tiles(static_cast<std::int32_t>(part.n_channels));
  return tiles;
}

std::int32_t WeightMatrix::first_tile(std::size_t part) const {
  if (interleaved) return static_cast<std::int32_t>(part);
  std::int32_t tile = 0;
  for (std::size_t i = 0; i < part; ++i) tile += cpu_quant::n_tiles(static_cast<std::int32_t>(parts[i].n_channels));
  return tile;
}

}  // namespace inferbench::cpu_quant
