// SPDX-License-Identifier: Apache-2.0
#include "product_cut.hpp"

#include <algorithm>

namespace inferbench::cuda_backend {

ProductCut cut_product(const MatrixShape& shape, std::int32_t n_blocks, std::int32_t most_parts) {
  constexpr double kFromCache = 0.5;  // activations come from L2, which is about twice as fast as memory
  const std::int32_t units = shape.padded_inputs / kPlainInputs;
  const std::int32_t rows = shape.row_tiles * kTileRows;
  ProductCut best{};
  double least = 0;
  for (const std::int32_t tile_rows : {128, 64, 32}) {
    const std::int32_t tiles = (rows + tile_rows - 1) / tile_rows;
    for (std::int32_t wanted = 1; wanted <= std::min(most_parts, units); ++wanted) {
      const std::int32_t part_units = (units + wanted - 1) / wanted;
      const std::int32_t parts = (units + part_units - 1) / part_units;
      const std::int32_t rounds = (tiles * parts + n_blocks - 1) / n_blocks;
      // Bytes that the busiest block reads, and its share of the parts' sums, which are written and read.
      const double bytes = rounds * part_units * kPlainInputs * 2 * (tile_rows + kStreamedRows * kFromCache) +
                           (parts - 1) * static_cast<double>(rows) * kStreamedRows * 4 * 2 / n_blocks;
      if (best.tiles != 0 && bytes >= least) continue;
      least = bytes;
      best = {tile_rows, tiles, parts, units, part_units};
    }
  }
  return best;
}

}  // namespace inferbench::cuda_backend
