// SPDX-License-Identifier: Apache-2.0
#include "packed_matrix.hpp"

#include <algorithm>

#include "inferbench/backend_values.hpp"

namespace inferbench::cpu_ref {
namespace {

// Values of one line that are read before they are spread out. With lines of this length, the part of a panel that is
// written stays in the L1 cache.
constexpr std::int64_t kLine = 64;

}  // namespace

void copy_block(const ib_tensor& tensor, const Block& block, float* to, std::int64_t row_step,
                std::int64_t column_step) {
  const bool by_rows = tensor.strides[1] <= tensor.strides[0];
  const std::int64_t n_lines = by_rows ? block.n_rows : block.n_columns;
  const std::int64_t length = by_rows ? block.n_columns : block.n_rows;
  const std::int64_t line_step = by_rows ? row_step : column_step;
  const std::int64_t value_step = by_rows ? column_step : row_step;
  const auto read = [&](std::int64_t line, std::int64_t begin, std::int64_t n, float* out) {
    if (by_rows) {
      read_row(tensor, block.row + line, block.column + begin, n, out);
    } else {
      read_column(tensor, block.column + line, block.row + begin, n, out);
    }
  };
  if (value_step == 1) {
    for (std::int64_t line = 0; line < n_lines; ++line) read(line, 0, length, to + line * line_step);
    return;
  }
  for (std::int64_t begin = 0; begin < length; begin += kLine) {
    const std::int64_t n = std::min(kLine, length - begin);
    float values[kLine];
    for (std::int64_t line = 0; line < n_lines; ++line) {
      read(line, begin, n, values);
      float* out = to + line * line_step + begin * value_step;
      for (std::int64_t i = 0; i < n; ++i) out[i * value_step] = values[i];
    }
  }
}

void pack_panel(const ib_tensor& tensor, const PackedMatrix& matrix, std::int64_t first, std::int64_t p) {
  float* panel = matrix.data + p * matrix.inputs * kPanel;
  const std::int64_t begin = std::max(first, p * kPanel);
  const std::int64_t end = std::min(first + tensor.shape[0], (p + 1) * kPanel);
  copy_block(tensor, {begin - first, end - begin, 0, matrix.inputs}, panel + begin % kPanel, 1, kPanel);
}

}  // namespace inferbench::cpu_ref
