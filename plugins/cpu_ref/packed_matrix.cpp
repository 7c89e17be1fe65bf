// SPDX-License-Identifier: Apache-2.0
#include "packed_matrix.hpp"

#include <algorithm>

#include "inferbench/backend_values.hpp"

namespace inferbench::cpu_ref {

void pack_panel(const ib_tensor& tensor, const PackedMatrix& matrix, std::int64_t p) {
  float* panel = matrix.data + p * matrix.inputs * kPanel;
  const std::int64_t columns = matrix.columns(p);
  for (std::int64_t k = 0; k < matrix.inputs; ++k) {
    read_values(tensor, k * matrix.outputs + p * kPanel, columns, panel + k * kPanel);
    std::fill(panel + k * kPanel + columns, panel + (k + 1) * kPanel, 0.0F);
  }
}

void pack_panel_transposed(const ib_tensor& tensor, const PackedMatrix& matrix, std::int64_t p) {
  constexpr std::int64_t kStep = 64;  // inputs at a time: the part of the panel that is written stays in the L1 cache
  float* panel = matrix.data + p * matrix.inputs * kPanel;
  const std::int64_t columns = matrix.columns(p);
  for (std::int64_t k0 = 0; k0 < matrix.inputs; k0 += kStep) {
    const std::int64_t n = std::min(kStep, matrix.inputs - k0);
    float row[kStep];
    for (std::int64_t j = 0; j < kPanel; ++j) {
      if (j < columns) {
        read_values(tensor, (p * kPanel + j) * matrix.inputs + k0, n, row);
      } else {
        std::fill(row, row + n, 0.0F);
      }
      for (std::int64_t k = 0; k < n; ++k) panel[(k0 + k) * kPanel + j] = row[k];
    }
  }
}

}  // namespace inferbench::cpu_ref
