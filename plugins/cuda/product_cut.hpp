// SPDX-License-Identifier: Apache-2.0
//
// How a product of few rows is cut into pieces for the multiprocessors. Plain C++, covered by the host's tests.
#pragma once

#include <cstdint>

#include "model_data.hpp"

namespace inferbench::cuda_backend {

constexpr std::int32_t kStreamedRows = 64;  ///< of activations, at most: rows of their boxes
constexpr std::int32_t kMostProductParts = 8;

/// A product's items: tiles of `tile_rows` weight rows, each cut along its inputs into `parts` of `part_units` times 64
/// (the last one may have fewer). Parts of a result are added up by whoever reads it.
struct ProductCut {
  std::int32_t tile_rows;  ///< 32, 64 or 128
  std::int32_t tiles;
  std::int32_t parts;
  std::int32_t units;  ///< of 64 inputs
  std::int32_t part_units;
};
/// The cut with which the block that has most to do is done first. `most_parts` up to kMostProductParts.
ProductCut cut_product(const MatrixShape& shape, std::int32_t n_blocks, std::int32_t most_parts);

}  // namespace inferbench::cuda_backend
