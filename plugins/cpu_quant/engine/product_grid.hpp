// SPDX-License-Identifier: Apache-2.0
// How a matrix product is cut into items for threads.
#pragma once

#include <cstdint>

#include "engine/model.hpp"
#include "kernels/kernels.h"

namespace inferbench::cpu_quant {

/// Items are row blocks of `rows` rows times `tiles` tiles of weights.
struct ProductGrid {
  std::int32_t rows = 0;
  std::int32_t tiles = 0;
  std::int32_t tile_blocks = 0;  ///< items of one row block
};

/// Rows [row_begin, row_end) times the weights of tiles [tile_begin, tile_end).
struct ProductItem {
  std::int32_t row_begin;
  std::int32_t row_end;
  std::int32_t tile_begin;
  std::int32_t tile_end;
};

/// What becomes of a product's result.
enum class ProductResult : std::int32_t {
  Matrix,         // rows of floats in memory
  QuantizedRows,  // activated and quantized item by item, in whole panels of tiles
  GatedRows,      // the same of gates and ups, whose tiles take turns, in two panels
  Logits,         // of the head, which may be reduced to the best id item by item
};

/// Whether a product with this many rows streams the weights, a few rows at a time: it is memory-bound, or the format
/// has no other kernel.
inline bool streams_weights(const KernelTable& kernels, std::int32_t rows, WeightFormat format) {
  return rows <= kernels.streamed_rows || format == WeightFormat::Int5;
}

/// The grid of a product of `rows` rows (at least 1) with `linear`.
ProductGrid plan_product(const KernelTable& kernels, int n_threads, const Linear& linear, std::int32_t rows,
                         ProductResult result);

std::uint32_t n_product_items(const ProductGrid& grid, std::int32_t rows);

/// Items of one row block follow each other: its rows stay in the caches while the weights pass by.
ProductItem product_item(const ProductGrid& grid, std::uint32_t item, std::int32_t rows, std::int32_t tiles);

/// Floats of the largest item whose result is not a Matrix, for models of this width and passes of up to max_rows rows.
std::uint64_t product_result_floats(const KernelTable& kernels, std::int32_t width, std::int32_t max_rows);

}  // namespace inferbench::cpu_quant
