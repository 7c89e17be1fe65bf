// SPDX-License-Identifier: Apache-2.0
//
// What the lists of a pass hold, and where they are. Plain C++, covered by the host's tests.
#pragma once

#include <cstddef>
#include <cstdint>

#include "tile_plan.hpp"

namespace inferbench::cuda_backend {

/// A piece of a segment that a block of the tiled attention takes.
struct QueryTile {
  std::int32_t first_row;  ///< of the pass
  std::int32_t n_rows;     ///< at most RowList::tile_queries
  std::int32_t position;   ///< of the first row
  std::int32_t slot;
  std::int32_t expanded;  ///< where the slot's positions begin in an ExpandedCache; -1: they are not there
};
constexpr std::int32_t kMostTileQueries = 128;
constexpr std::int32_t kFewestTileQueries = 16;

/// A sequence slot whose 8-bit keys and values become 16-bit ones before attention.
struct CodedContext {
  std::int32_t slot;
  std::int32_t n_positions;
  std::int32_t first_query;  ///< position of the segment's first row
  std::int32_t expanded;     ///< as in QueryTile
};

/// Where the lists of a pass of `n` rows begin, and their end: 32-bit integers. Most have room for one entry per row; a
/// segment has at most one tile that is not full.
struct ListPlaces {
  /// Segments of fewer rows attend row by row.
  static constexpr std::int32_t kFewestTiled = 8;

  explicit ListPlaces(std::size_t n)
      : positions(n),
        slots(2 * n),
        single_rows(3 * n),
        output_rows(4 * n),
        tiles(5 * n),
        contexts(tiles + (n / kFewestTiled + n / kFewestTileQueries + 1) * sizeof(QueryTile) / kWord),
        end(contexts + (n / ExpandedRoom::kFewestRows + 1) * sizeof(CodedContext) / kWord) {}

  static constexpr std::size_t kWord = sizeof(std::int32_t);
  std::size_t positions;
  std::size_t slots;
  std::size_t single_rows;
  std::size_t output_rows;
  std::size_t tiles;
  std::size_t contexts;
  std::size_t end;
};

}  // namespace inferbench::cuda_backend
