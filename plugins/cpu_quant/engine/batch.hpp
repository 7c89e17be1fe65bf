// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "inferbench/pass_plan.hpp"
#include "kernels/kernels.h"

namespace inferbench::cpu_quant {

/// Query rows [first_row, first_row + n_rows) of a segment, counted from the segment's first: one item of attention per
/// head.
struct QueryTile {
  std::int32_t segment;
  std::int32_t first_row;
  std::int32_t n_rows;
};

/// How rows are cut into query tiles.
struct QueryTiling {
  std::int32_t most_rows;  ///< of a tile
  std::int32_t n_heads;    ///< of queries, each of which is an item of its own
  std::int32_t n_threads;  ///< that are to have some items each
};

/// The rows of one pass, and how their attention is cut into items. Sized once; filling it allocates nothing.
class Batch {
 public:
  /// Passes of at most max_rows rows. Throws std::bad_alloc.
  Batch(const SessionLimits& limits, std::int32_t max_rows, const QueryTiling& tiling);

  /// See PassPlan.
  void begin(const ib_forward_params& params, std::span<const std::int32_t> held) { pass_.begin(params, held); }
  bool next();
  void begin_rows(std::int32_t n_rows, std::int32_t past);

  const PassPlan& pass() const { return pass_; }

  /// Those with the most keys first, so that the last items to be claimed are short ones.
  std::span<const QueryTile> query_tiles() const { return query_tiles_; }
  /// The output rows as query tiles of one row each, in the same order; empty unless outputs_few().
  std::span<const QueryTile> output_tiles() const { return output_tiles_; }
  /// Whether only some rows of the pass are output rows.
  bool outputs_few() const { return static_cast<std::int32_t>(pass_.output_rows().size()) < pass_.n_rows(); }
  /// Whether a segment has several query tiles, so that its keys must be stored before any of them runs.
  bool appends_first() const { return appends_first_; }

 private:
  void plan_attention();
  std::int32_t tile_rows() const;

  PassPlan pass_;
  QueryTiling tiling_;
  std::vector<QueryTile> query_tiles_;
  std::vector<QueryTile> output_tiles_;
  bool appends_first_ = false;
};

}  // namespace inferbench::cpu_quant
