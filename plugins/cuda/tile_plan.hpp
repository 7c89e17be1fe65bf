// SPDX-License-Identifier: Apache-2.0
//
// How a product of many rows is cut into tiles for the multiprocessors. Plain C++, covered by the host's tests.
#pragma once

#include <cstdint>

#include "model_data.hpp"

namespace inferbench::cuda_backend {

/// Rows of activations of products by tiles, at most.
constexpr std::int32_t kMostTileRows = 256;
constexpr std::int32_t kMostTileParts = 8;
constexpr std::int32_t kTileRowSizes[] = {8, 64, 128};
constexpr std::int32_t kTileOutputs = 128;  ///< weight rows of a tile, at most
/// With half as many, the two warpgroups of a block share them, and take the units of inputs in turn.
constexpr std::int32_t kSharedOutputs = kTileOutputs / 2;
constexpr std::int32_t kSharedRows = 64;  ///< the rows of activations of a tile of kSharedOutputs

/// A product's items: tiles of `outputs` weight rows by `rows` rows of activations, each cut along the inputs into
/// `parts` of `part_units` units (the last one may have fewer). The parts of a result are added up by its reader.
struct TileCut {
  std::int32_t rows;     ///< one of kTileRowSizes
  std::int32_t outputs;  ///< kTileOutputs or kSharedOutputs
  std::int32_t output_tiles;
  std::int32_t row_tiles;
  std::int32_t parts;
  std::int32_t units;  ///< of kTileInputs
  std::int32_t part_units;

  IB_BOTH std::int32_t items() const { return output_tiles * row_tiles * parts; }
};

/// The cut that is estimated to be the fastest. `most_parts` up to kMostTileParts.
TileCut cut_tiles(const MatrixShape& shape, std::int32_t rows, std::int32_t n_multiprocessors, std::int32_t most_parts);
/// The cut of a product for heads of kSharedOutputs values; has_head_tiles() if the product itself can finish them.
TileCut cut_head_tiles(const MatrixShape& shape, std::int32_t rows, std::int32_t n_multiprocessors);
inline bool has_head_tiles(const TileCut& cut) {
  return cut.outputs == kSharedOutputs && cut.parts == 1;
}

/// Gives segments of a pass room in an ExpandedCache, in turn.
class ExpandedRoom {
 public:
  /// For fewer rows, reading 8-bit keys costs less than copying them.
  static constexpr std::int32_t kFewestRows = 256;

  explicit ExpandedRoom(std::int32_t positions) : left_(positions) {}
  /// Where the positions of a segment's slot begin; -1: they have no room, or the segment has too few rows.
  std::int32_t take(std::int32_t rows, std::int32_t positions) {
    if (rows < kFewestRows || positions > left_) return -1;
    const std::int32_t begin = next_;
    next_ += positions;
    left_ -= positions;
    return begin;
  }

 private:
  std::int32_t next_ = 0;
  std::int32_t left_;
};

}  // namespace inferbench::cuda_backend
