// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include "forward.hpp"

namespace inferbench::cpu_ref {
namespace {

constexpr std::int64_t kGroupPanels = 4;  // panels of one work item
constexpr std::int64_t kGroupRows = 240;  // rows of one work item: its stretch of x is 240 KiB, within any L2 cache

// One tile. The last panel's padding columns do not exist in y, so it goes through a copy.
void tile_product(const Kernels& kernels, std::int64_t rows, const float* x, std::int64_t ldx, const float* panel,
                  std::int64_t depth, float* y, std::int64_t ldy, std::int64_t columns) {
  if (columns == kPanel) return kernels.linear_tile(rows, x, ldx, panel, depth, y, ldy);
  constexpr std::int64_t kMostRows = 16;
  float copy[kMostRows * kPanel] = {};
  for (std::int64_t r = 0; r < rows; ++r) std::copy(y + r * ldy, y + r * ldy + columns, copy + r * kPanel);
  kernels.linear_tile(rows, x, ldx, panel, depth, copy, kPanel);
  for (std::int64_t r = 0; r < rows; ++r) std::copy(copy + r * kPanel, copy + r * kPanel + columns, y + r * ldy);
}

// y[rows, columns] += x[rows, k .. k + depth] * panel[k .. k + depth, 32], tile by tile.
void stretch_product(const Kernels& kernels, const Rows& x, std::int64_t k, std::int64_t depth, const float* panel,
                     const Rows& y, std::int64_t columns) {
  for (std::int64_t r = 0; r < x.n; r += kernels.tile_rows) {
    const std::int64_t rows = std::min(kernels.tile_rows, x.n - r);
    tile_product(kernels, rows, x.row(r) + k, x.stride, panel + k * kPanel, depth, y.row(r), y.stride, columns);
  }
}

void set_bias(const float* bias, std::int64_t first, std::int64_t last, const Rows& y, Into into) {
  for (std::int64_t r = 0; r < y.n; ++r) {
    float* row = y.row(r);
    for (std::int64_t n = first; n < last; ++n) {
      const float start = into == Into::kAdd ? row[n] : 0.0F;
      row[n] = bias == nullptr ? start : start + bias[n];
    }
  }
}

}  // namespace

void panel_product(const Kernels& kernels, const Rows& x, const float* panel, std::int64_t depth, const Rows& y,
                   std::int64_t columns) {
  for (std::int64_t k = 0; k < depth; k += kDepth) {
    stretch_product(kernels, x, k, std::min(kDepth, depth - k), panel, y, columns);
  }
}

void linear(const Engine& engine, const PackedMatrix& weight, const float* bias, const Rows& x, const Rows& y,
            Into into) {
  const Kernels& kernels = *engine.kernels;
  const std::int64_t group = x.n <= kernels.tile_rows ? 1 : kGroupPanels;
  const std::int64_t panel_groups = (weight.n_panels() + group - 1) / group;
  const std::int64_t row_groups = (x.n + kGroupRows - 1) / kGroupRows;
  engine.pool->parallel_for(panel_groups * row_groups, [&](std::int64_t item, int) {
    const std::int64_t first = item / row_groups * group;
    const std::int64_t last = std::min(first + group, weight.n_panels());
    const std::int64_t row = item % row_groups * kGroupRows;
    const std::int64_t n_rows = std::min(kGroupRows, x.n - row);
    const Rows from{x.row(row), n_rows, x.stride};
    const Rows to{y.row(row), n_rows, y.stride};
    set_bias(bias, first * kPanel, std::min(last * kPanel, weight.outputs), to, into);
    const auto columns_from = [&](std::int64_t p) { return Rows{to.data + p * kPanel, n_rows, to.stride}; };
    if (n_rows <= kernels.tile_rows) {  // one tile: the panels' memory is read from begin to end
      for (std::int64_t p = first; p < last; ++p) {
        panel_product(kernels, from, weight.panel(p), weight.inputs, columns_from(p), weight.columns(p));
      }
      return;
    }
    for (std::int64_t k = 0; k < weight.inputs; k += kDepth) {  // a stretch of x stays in the L2 cache for all panels
      const std::int64_t depth = std::min(kDepth, weight.inputs - k);
      for (std::int64_t p = first; p < last; ++p) {
        stretch_product(kernels, from, k, depth, weight.panel(p), columns_from(p), weight.columns(p));
      }
    }
  });
}

}  // namespace inferbench::cpu_ref
