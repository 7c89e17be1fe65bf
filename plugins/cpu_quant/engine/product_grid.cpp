// SPDX-License-Identifier: Apache-2.0
#include "engine/product_grid.hpp"

#include <algorithm>

namespace inferbench::cpu_quant {
namespace {

// An item that reads its weights once has at most this many bytes of them, and there are this many items per thread, so
// that threads finish together; an item is still large enough that starting it costs nothing in comparison.
constexpr std::int64_t kStreamedBytes = 128 << 10;
constexpr std::int32_t kStreamedItemsPerThread = 12;
constexpr std::int32_t kMostTiles = 8;  // of an item that streams: its result has room in scratch
constexpr std::int32_t kHeadRows = 32;  // quantized, of one item of the head with gemm
// Rows of one item of gemm: they stay in the L2 cache. Rows of bf16 amortize the expansion of the item's weights, and a
// processor with AMX has 2 MiB.
constexpr std::int32_t kRowBlockBytes = 256 << 10;
constexpr std::int32_t kBf16RowBlockBytes = 1152 << 10;
constexpr std::int32_t kItemsPerThread = 3;

/// Rows of an item of gemm are a multiple of this many.
std::int32_t row_unit(RowFormat format) {
  return format == RowFormat::Bf16 ? 32 : 8;
}

/// Rows of one item of gemm, before they are evened out; with that, less than a unit more.
std::int32_t row_block(RowFormat format, std::int32_t k) {
  const std::int32_t bytes = format == RowFormat::Bf16 ? kBf16RowBlockBytes : kRowBlockBytes;
  return std::max(48, static_cast<std::int32_t>(bytes / row_bytes(format, k)));
}

/// Tiles of one item of gemv.
std::int32_t streamed_tiles(const Linear& linear, int n_threads) {
  const auto fit = static_cast<std::int32_t>(kStreamedBytes / linear.tile_bytes());
  const std::int32_t items = kStreamedItemsPerThread * n_threads;
  return std::max(1, std::min(fit, std::clamp(n_tiles(linear.n) / items, 1, kMostTiles)));
}

/// Tiles of an item are a multiple of this many.
std::int32_t tile_unit(ProductResult result, bool streams) {
  if (result == ProductResult::GatedRows) return 2 * kPanelTiles;
  return streams && result != ProductResult::QuantizedRows ? 1 : kPanelTiles;
}

}  // namespace

ProductGrid plan_product(const KernelTable& kernels, int n_threads, const Linear& linear, std::int32_t rows,
                         ProductResult result) {
  const std::int32_t tiles = n_tiles(linear.n);
  ProductGrid grid;
  const bool streams = streams_weights(kernels, rows, linear.format);
  const std::int32_t unit = tile_unit(result, streams);
  if (streams) {
    grid.rows = std::min(rows, std::max(kernels.streamed_rows, kHeadRows));
    grid.tiles = ceil_div(streamed_tiles(linear, n_threads), unit) * unit;
  } else {
    const RowFormat format = kernels.gemm_rows.format;
    const bool few_at_once = result == ProductResult::Logits && format == RowFormat::Quantized;
    // Large row blocks read weights less often, but there must be enough items for all threads.
    const std::int32_t enough = ceil_div(kItemsPerThread * n_threads, ceil_div(tiles, unit));
    const std::int32_t needed = ceil_div(rows, few_at_once ? kHeadRows : row_block(format, linear.k));
    const std::int32_t blocks = std::max(needed, std::min(enough, ceil_div(rows, row_unit(format))));
    grid.rows = ceil_div(ceil_div(rows, blocks), row_unit(format)) * row_unit(format);
    grid.tiles = unit;
  }
  grid.tile_blocks = ceil_div(tiles, grid.tiles);
  return grid;
}

std::uint32_t n_product_items(const ProductGrid& grid, std::int32_t rows) {
  return static_cast<std::uint32_t>(grid.tile_blocks) * static_cast<std::uint32_t>(ceil_div(rows, grid.rows));
}

ProductItem product_item(const ProductGrid& grid, std::uint32_t item, std::int32_t rows, std::int32_t tiles) {
  const std::int32_t row = static_cast<std::int32_t>(item) / grid.tile_blocks * grid.rows;
  const std::int32_t tile = static_cast<std::int32_t>(item) % grid.tile_blocks * grid.tiles;
  return {row, std::min(row + grid.rows, rows), tile, std::min(tile + grid.tiles, tiles)};
}

std::uint64_t product_result_floats(const KernelTable& kernels, std::int32_t width, std::int32_t max_rows) {
  const RowFormat format = kernels.gemm_rows.format;
  const std::int32_t rows = std::max(kHeadRows, std::min(max_rows, row_block(format, width)) + row_unit(format));
  return static_cast<std::uint64_t>(kTile * std::max(kernels.streamed_rows * kMostTiles, rows * 2 * kPanelTiles));
}

}  // namespace inferbench::cpu_quant
