// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>

#include "device_memory.hpp"
#include "inferbench/pass_plan.hpp"
#include "rows.hpp"
#include "tile_plan.hpp"

namespace inferbench::cuda_backend {

/// The lists of a pass, made in memory of the host that the device can read.
class PassLists {
 public:
  explicit PassLists(std::int32_t max_rows);

  /// 32-bit integers of all lists together.
  std::size_t size() const {
    return contexts() + (n_ / ExpandedRoom::kFewestRows + 1) * sizeof(CodedContext) / sizeof(std::int32_t);
  }
  /// Where the device will have them.
  void place(std::int32_t* lists);
  /// `tile_queries`: of attention by tiles, which takes segments of at least 8 rows; 0: there is none.
  /// `expanded_positions`: room for 16-bit copies of 8-bit keys and values, given to long segments in turn.
  void fill(const PassPlan& plan, std::int32_t tile_queries, std::int32_t expanded_positions);

  const std::int32_t* host() const { return host_.as<std::int32_t>(); }
  std::int32_t* device() const { return rows_.tokens; }
  /// Pointers to memory of the device.
  const RowList& rows() const { return rows_; }

 private:
  // Segments of fewer rows attend row by row.
  static constexpr std::int32_t kFewestTiled = 8;

  // Most lists have room for one entry per row. A segment has at most one tile that is not full.
  std::size_t most_tiles() const { return n_ / kFewestTiled + n_ / (kMostTileQueries / 2) + 1; }
  std::size_t positions() const { return n_; }
  std::size_t slots() const { return 2 * n_; }
  std::size_t single_rows() const { return 3 * n_; }
  std::size_t output_rows() const { return 4 * n_; }
  std::size_t tiles() const { return 5 * n_; }
  std::size_t contexts() const { return tiles() + most_tiles() * sizeof(QueryTile) / sizeof(std::int32_t); }

  std::size_t n_;
  HostBuffer host_;
  RowList rows_{};
};

}  // namespace inferbench::cuda_backend
