// SPDX-License-Identifier: Apache-2.0
#include "formats/weight_source.hpp"

#include <algorithm>

#include "inferbench/backend_values.hpp"

namespace inferbench::cpu_quant {
namespace {

/// in[8][columns] -> out[columns][stride], eight rows at a time so that each cache line of `out` is written in one go.
void transpose_rows(const float* rows, std::int64_t row_stride, std::int64_t n_rows, std::int64_t n_columns, float* out,
                    std::int64_t stride) {
  for (std::int64_t column = 0; column < n_columns; ++column) {
    float* to = out + column * stride;
    for (std::int64_t row = 0; row < n_rows; ++row) to[row] = rows[row * row_stride + column];
  }
}

}  // namespace

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
