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
double cycles(const TileCut& cut, const MatrixShape& shape, std::int32_t rows, std::int32_t n_multiprocessors) {
  constexpr double kProductsPerCycle = 1500;
  constexpr double kMemoryBytesPerCycle = 18;
  constexpr double kCacheBytesPerCycle = 40;
  constexpr double kUnitCycles = 200;  // barriers, addresses
  constexpr double kItemCycles = 1000;
  const std::int32_t together = cut.rows == 8 ? 2 : 1;  // blocks of a multiprocessor
  const std::int32_t n_blocks = together * n_multiprocessors;
  const double multiply = static_cast<double>(kTileOutputs) * cut.rows * kTileInputs / kProductsPerCycle;
  const double fetch = kTileOutputs * kTileInputs * bytes_per_weight(shape.format) / kMemoryBytesPerCycle +
                       cut.rows * kTileInputs * 2 / kCacheBytesPerCycle;
  const std::int32_t rounds = (cut.items() + n_blocks - 1) / n_blocks;
  const double sums = 8.0 * (cut.parts - 1) * shape.rows * rows / (n_multiprocessors * kCacheBytesPerCycle);
  return rounds * (cut.part_units * (together * std::max(multiply, fetch) + kUnitCycles) + kItemCycles) + sums;
}

}  // namespace

TileCut cut_tiles(const MatrixShape& shape, std::int32_t rows, std::int32_t n_multiprocessors,
                  std::int32_t most_parts) {
  const auto tiles_of = [](std::int32_t n, std::int32_t tile) { return (n + tile - 1) / tile; };
  const std::int32_t units = tiles_of(shape.padded_inputs, kTileInputs);
  TileCut best{};
  double least = 0;
  for (const std::int32_t tile_rows : kTileRowSizes) {
    if ((tile_rows == kTileRowSizes[0]) != (rows <= kTileRowSizes[0])) continue;
    for (std::int32_t wanted = 1; wanted <= std::min(most_parts, units); ++wanted) {
      const std::int32_t part_units = tiles_of(units, wanted);
      const TileCut cut{
          tile_rows, tiles_of(shape.rows, kTileOutputs), tiles_of(rows, tile_rows), tiles_of(units, part_units), units,
          part_units};
      const double time = cycles(cut, shape, rows, n_multiprocessors);
      if (best.rows != 0 && time >= least) continue;
      least = time;
      best = cut;
    }
  }
  return best;
}

}  // namespace inferbench::cuda_backend
