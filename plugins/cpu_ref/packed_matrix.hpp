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

/// Fills panel p of `matrix` from a tensor [inputs, outputs], as Hugging Face stores GPT-2's linear weights.
void pack_panel(const ib_tensor& tensor, const PackedMatrix& matrix, std::int64_t p);

/// Fills panel p of `matrix` from a tensor [outputs, inputs], as embeddings and heads are stored.
void pack_panel_transposed(const ib_tensor& tensor, const PackedMatrix& matrix, std::int64_t p);

}  // namespace inferbench::cpu_ref
