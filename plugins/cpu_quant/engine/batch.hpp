// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "inferbench/backend.h"
#include "kernels/kernels.h"

namespace inferbench::cpu_quant {

/// Consecutive rows of a chunk that belong to one sequence.
struct Segment {
  std::int32_t slot;
  std::int32_t first_row;
  std::int32_t n_rows;
  std::int32_t first_position;
};

/// Query rows [first_row, first_row + n_rows) of a segment, counted from the segment's first: one item of attention per
/// head.
struct QueryBlock {
  std::int32_t segment;
  std::int32_t first_row;
  std::int32_t n_rows;
};

/// How rows are cut into query blocks.
struct QueryCut {
  std::int32_t most_rows;  ///< of a block
  std::int32_t n_heads;    ///< each of which is an item of its own
  std::int32_t n_threads;  ///< that are to have some items each
};

/// The rows that go through the layers together: the next part of a forward call's tokens. Sized once; filling it
/// allocates nothing.
class Batch {
 public:
  Batch(std::int32_t max_rows, std::int32_t n_slots, const QueryCut& cut);

  /// Starts on a call whose arguments are checked; `lengths` are the positions that each slot holds.
  void begin(const ib_forward_params& params, const std::int32_t* lengths);

  /// Takes the next rows, at most max_rows. False when none are left.
  bool next();

  std::int32_t n_rows() const { return static_cast<std::int32_t>(tokens_.size()); }
  const std::int32_t* tokens() const { return tokens_.data(); }        ///< [n_rows]
  const std::int32_t* positions() const { return positions_.data(); }  ///< [n_rows]
  std::span<const Segment> segments() const { return segments_; }
  /// Those with the most keys first, so that the last items to be claimed are short ones.
  std::span<const QueryBlock> query_blocks() const { return query_blocks_; }
  /// Whether a segment has several query blocks, so that its keys must be stored before any of them runs.
  bool appends_first() const { return appends_first_; }

  /// Rows whose logits are wanted, and where in the output the first goes; the others follow it.
  std::span<const std::int32_t> wanted() const { return wanted_; }
  std::int64_t first_output() const { return first_output_; }
  /// The wanted rows as query blocks of one row each, in the same order; not for IB_OUTPUT_ALL_LOGITS.
  std::span<const QueryBlock> wanted_blocks() const { return wanted_blocks_; }
  /// Whether rows are left out of wanted().
  bool wants_few() const { return wanted_.size() < tokens_.size(); }

  std::int32_t call_rows() const { return call_rows_; }  ///< of the whole call
  std::int32_t rows_before() const { return rows_before_; }

 private:
  void add_segment(const ib_sequence& sequence, std::int32_t n_rows);
  void plan_attention();
  std::int32_t query_rows() const;

  std::int32_t max_rows_;
  QueryCut cut_;
  const ib_forward_params* params_ = nullptr;
  const std::int32_t* lengths_ = nullptr;
  std::int32_t sequence_ = 0;  // the next one to take from
  std::int32_t taken_ = 0;     // tokens already taken from it
  std::int32_t call_rows_ = 0;
  std::int32_t rows_before_ = 0;
  std::int64_t outputs_before_ = 0;

  std::vector<std::int32_t> tokens_;
  std::vector<std::int32_t> positions_;
  std::vector<Segment> segments_;
  std::vector<QueryBlock> query_blocks_;
  std::vector<std::int32_t> wanted_;
  std::vector<QueryBlock> wanted_blocks_;
  std::int64_t first_output_ = 0;
  bool appends_first_ = false;
};

}  // namespace inferbench::cpu_quant
