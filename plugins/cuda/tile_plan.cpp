// SPDX-License-Identifier: Apache-2.0
#include "tile_plan.hpp"

#include <algorithm>

namespace inferbench::cuda_backend {
namespace {

double bytes_per_weight(Format format) {
  if (!is_quantized(format)) return static_cast<double>(value_bytes(format));
  return static_cast<double>(tile_bytes(format)) / (kTileRows * kTileInputs);
}

// Cycles of the multiprocessor that has most to do, at the rates of an H200: what counts is only which cut takes
// fewest.
double cycles_of(const TileCut& cut, const MatrixShape& shape, std::int32_t rows, std::int32_t n_multiprocessors) {
  constexpr double kProductsPerCycle = 1500;
  constexpr double kMemoryBytesPerCycle = 17;
  constexpr double kCacheBytesPerCycle = 60;
  constexpr double kConvertedPerCycle = 12;  // quantized weights, of a multiprocessor
  constexpr double kUnitCycles = 200;        // barriers, addresses
  constexpr double kItemCycles = 1000;
  constexpr double kPartCycles = 240;
  const std::int32_t together = cut.rows == 8 ? 2 : 1;  // blocks of a multiprocessor
  const std::int32_t n_blocks = together * n_multiprocessors;
  const double weights = static_cast<double>(cut.outputs) * kTileInputs;  // of a unit
  const double weight_bytes = bytes_per_weight(shape.format);
  const double multiply = weights * cut.rows / kProductsPerCycle;
  const double convert = is_quantized(shape.format) ? weights / kConvertedPerCycle : 0;
  const double fetch = (weights * weight_bytes + 2.0 * cut.rows * kTileInputs) / kCacheBytesPerCycle;
  const double unit = kUnitCycles * cut.outputs / kTileOutputs;  // half of the warpgroups wait for a shared tile's
  const std::int32_t rounds = (cut.items() + n_blocks - 1) / n_blocks;
  const double items =
      rounds * (cut.part_units * (together * std::max(multiply + convert, fetch) + unit) + kItemCycles);
  const double memory =
      shape.rows * weight_bytes * cut.units * kTileInputs / (n_multiprocessors * kMemoryBytesPerCycle);
  const double sums = 8.0 * cut.parts * shape.rows * rows / (n_multiprocessors * kCacheBytesPerCycle);
  return std::max(items, memory) + sums + cut.parts * kPartCycles;
}

struct Estimate {
  TileCut cut;
  double cycles;
};

struct TileSize {
  std::int32_t rows;
  std::int32_t outputs;
  std::int32_t parts;
};

void take_better(Estimate& best, const MatrixShape& shape, std::int32_t rows, std::int32_t n_multiprocessors,
                 const TileSize& size) {
  const auto tiles_of = [](std::int32_t n, std::int32_t tile) { return (n + tile - 1) / tile; };
  TileCut cut{};
  cut.rows = size.rows;
  cut.outputs = size.outputs;
  cut.output_tiles = tiles_of(shape.rows, cut.outputs);
  cut.row_tiles = tiles_of(rows, cut.rows);
  cut.units = tiles_of(shape.padded_inputs, kTileInputs);
  cut.part_units = tiles_of(cut.units, size.parts);
  cut.parts = tiles_of(cut.units, cut.part_units);
  const double cycles = cycles_of(cut, shape, rows, n_multiprocessors);
  if (best.cut.rows == 0 || cycles < best.cycles) best = {cut, cycles};
}

Estimate best_cut(const MatrixShape& shape, std::int32_t rows, std::int32_t n_multiprocessors,
                  std::int32_t most_parts) {
  Estimate best{};
  const std::int32_t units = (shape.padded_inputs + kTileInputs - 1) / kTileInputs;
  for (std::int32_t parts = 1; parts <= std::min(most_parts, units); ++parts) {
    for (const std::int32_t tile_rows : kTileRowSizes) {
      if ((tile_rows == kTileRowSizes[0]) != (rows <= kTileRowSizes[0])) continue;
      take_better(best, shape, rows, n_multiprocessors, {tile_rows, kTileOutputs, parts});
    }
    if (rows <= kTileRowSizes[0]) continue;
    take_better(best, shape, rows, n_multiprocessors, {kSharedRows, kSharedOutputs, parts});
  }
  return best;
}

}  // namespace

TileCut cut_tiles(const MatrixShape& shape, std::int32_t rows, std::int32_t n_multiprocessors,
                  std::int32_t most_parts) {
  return best_cut(shape, rows, n_multiprocessors, most_parts).cut;
}

TileCut cut_head_tiles(const MatrixShape& shape, std::int32_t rows, std::int32_t n_multiprocessors) {
  constexpr double kHeadsCycles = 6000;  // of a kernel that finishes heads
  const Estimate parts = best_cut(shape, rows, n_multiprocessors, kMostTileParts);
  Estimate heads{};
  if (rows > kTileRowSizes[0]) {
    take_better(heads, shape, rows, n_multiprocessors, {kSharedRows, kSharedOutputs, 1});
    if (heads.cycles < parts.cycles + kHeadsCycles) return heads.cut;
  }
  return parts.cut;
}

}  // namespace inferbench::cuda_backend
