// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

#include "buffer.hpp"
#include "inferbench/backend.h"
#include "kernels/kernels.hpp"

namespace inferbench::cpu_ref {

/// Weights [inputs, outputs] as panels of 32 outputs: data[panel][input][32], outputs padded with zeros. At one row the
/// panels are read as one stream from begin to end; at many rows each feeds a register tile.
struct PackedMatrix {
  float* data = nullptr;
  std::int64_t inputs = 0;
  std::int64_t outputs = 0;

  std::int64_t n_panels() const { return (outputs + kPanel - 1) / kPanel; }
  std::int64_t n_floats() const { return n_panels() * inputs * kPanel; }
  const float* panel(std::int64_t p) const { return data + p * inputs * kPanel; }
  /// Columns of panel p that are not padding: 32, or fewer in the last.
  std::int64_t columns(std::int64_t p) const { return p + 1 < n_panels() ? kPanel : outputs - p * kPanel; }
};

/// A rectangle of a matrix.
struct Block {
  std::int64_t row = 0;
  std::int64_t n_rows = 0;
  std::int64_t column = 0;
  std::int64_t n_columns = 0;
};

/// to[r * row_step + c * column_step] = element [block.row + r, block.column + c] of the tensor, as fp32. Reads along
/// the dimension in which the tensor is stored.
void copy_block(const ib_tensor& tensor, const Block& block, float* to, std::int64_t row_step,
                std::int64_t column_step);

/// Fills, in panel p of `matrix`, the outputs `first` and after it from a tensor [n_outputs, inputs]: those of the
/// tensor's outputs that are in this panel. The rest of the panel, padding included, stays as it is.
void pack_panel(const ib_tensor& tensor, const PackedMatrix& matrix, std::int64_t first, std::int64_t p);

}  // namespace inferbench::cpu_ref
