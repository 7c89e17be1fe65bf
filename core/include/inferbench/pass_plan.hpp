// SPDX-License-Identifier: Apache-2.0
//
// How a forward call becomes passes through the layers, for backends in C++20. Part of backend.hpp.
//
// A pass is a matrix of rows, one row per token. A call with more tokens than a pass holds makes several passes, which
// bounds the work space. A backend's forward is then
//
//   lengths_.check(params);                     // SlotLengths, backend_checks.hpp
//   plan_.begin(params, lengths_.held());
//   while (plan_.next()) {
//     ...run plan_.n_rows() rows through the layers, attention segment by segment...
//     ...the head for the rows of plan_.outputs(); each says where its logits, or its id, go...
//   }
//   lengths_.advance(params);                   // only now: a cancelled call leaves each slot as it was
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "inferbench/backend.h"
#include "inferbench/backend_checks.hpp"

namespace inferbench {

/// Consecutive rows of a pass that are consecutive tokens of one sequence.
struct PassSegment {
  std::int32_t slot;
  std::int32_t first_row;       ///< within the pass
  std::int32_t n_rows;          ///< at least 1
  std::int32_t first_position;  ///< of the first row: how many tokens its sequence has before it
  const std::int32_t* tokens;   ///< [n_rows], borrowed from the call's parameters
};

/// A row of a pass whose logits the caller wants.
struct PassOutput {
  std::int32_t row;    ///< of the pass
  bool greedy;         ///< the caller wants the id of the greatest logit, else the logits
  std::int64_t index;  ///< row of the caller's logits, or index into its ids
};

/// Goes through the tokens of a forward call, pass by pass, in the order of the call. All memory is allocated by the
/// constructor.
class PassPlan {
 public:
  /// A pass has at most `max_rows` rows (at least 1), and at most as many as the limits let a call have; a segment at
  /// most `max_segment_rows`. Throws std::bad_alloc.
  explicit PassPlan(const SessionLimits& limits, std::int32_t max_rows, std::int32_t max_segment_rows = INT32_MAX)
      : max_rows_(rows_that_fit(limits, max_rows)),
        max_greedy_(std::min(max_rows_, limits.n_slots)),
        max_segment_rows_(max_segment_rows) {
    const auto rows = static_cast<std::size_t>(max_rows_);
    tokens_.reserve(rows);
    positions_.reserve(rows);
    outputs_.reserve(rows);
    output_rows_.reserve(rows);
    const std::int32_t full_segments = max_rows_ / max_segment_rows_;
    segments_.reserve(std::min(rows, static_cast<std::size_t>(max_greedy_) + static_cast<std::size_t>(full_segments)));
  }

  // ---- sizes of work space ----

  /// Most rows of a pass.
  std::int32_t max_rows() const { return max_rows_; }
  /// Most rows of a pass for GREEDY: one per sequence that ends in it.
  std::int32_t max_greedy() const { return max_greedy_; }

  // ---- a call ----

  /// Starts with a call whose parameters are checked (check_forward) and live until its last pass. `held[slot]`: tokens
  /// that each slot holds before the call; borrowed likewise.
  void begin(const ib_forward_params& params, std::span<const std::int32_t> held) {
    params_ = &params;
    held_ = held;
    sequence_ = taken_ = 0;
    rows_before_ = 0;
    logits_given_ = ids_given_ = 0;
    call_rows_ = 0;
    for (std::int32_t i = 0; i < params.n_sequences; ++i) call_rows_ += params.sequences[i].n_tokens;
    clear();
  }

  /// One pass without a call, as a single operator (op_bench.h) has it: `n_rows` rows (at most max_rows()) of slot 0 at
  /// positions `past` and after it. All are output rows; their tokens are 0.
  void begin_rows(std::int32_t n_rows_wanted, std::int32_t past) {
    clear();
    params_ = nullptr;
    call_rows_ = n_rows_wanted;
    rows_before_ = 0;
    tokens_.assign(static_cast<std::size_t>(n_rows_wanted), 0);
    for (std::int32_t row = 0; row < n_rows_wanted; ++row) {
      positions_.push_back(past + row);
      add_output(row, row, false);
      if (row % max_segment_rows_ != 0) continue;
      segments_.push_back({0, row, std::min(max_segment_rows_, n_rows_wanted - row), past + row, tokens_.data() + row});
    }
  }

  /// Takes the next rows, as many as fit. False when none are left. Allocates nothing.
  bool next() {
    rows_before_ += n_rows();
    clear();
    while (sequence_ < params_->n_sequences && n_rows() < max_rows_) {
      const ib_sequence& sequence = params_->sequences[sequence_];
      add_segment(sequence, std::min({sequence.n_tokens - taken_, max_rows_ - n_rows(), max_segment_rows_}));
      if (taken_ < sequence.n_tokens) continue;
      if (sequence.output == IB_OUTPUT_LAST_LOGITS) add_output(n_rows() - 1, logits_given_++, false);
      if (sequence.output == IB_OUTPUT_GREEDY) add_output(n_rows() - 1, ids_given_++, true);
      ++sequence_;
      taken_ = 0;
    }
    return n_rows() > 0;
  }

  // ---- the present pass ----

  std::int32_t n_rows() const { return static_cast<std::int32_t>(tokens_.size()); }
  std::span<const std::int32_t> tokens() const { return tokens_; }        ///< [n_rows]
  std::span<const std::int32_t> positions() const { return positions_; }  ///< [n_rows], each in its sequence
  std::span<const PassSegment> segments() const { return segments_; }     ///< together all rows, in order

  /// The rows whose logits the caller wants, ascending, and where they go.
  std::span<const PassOutput> outputs() const { return outputs_; }
  /// The rows of outputs() alone.
  std::span<const std::int32_t> output_rows() const { return output_rows_; }

  /// Calls function(outputs, begin) for parts of outputs(), at most `max` long, that are all logits or all ids: they
  /// follow each other in the caller's buffer. `begin` is the part's place in outputs().
  template <typename Function>
  void for_alike_outputs(std::size_t max, Function&& function) const {
    for (std::size_t begin = 0; begin < outputs_.size();) {
      std::size_t end = begin + 1;
      while (end < outputs_.size() && end - begin < max && outputs_[end].greedy == outputs_[begin].greedy) ++end;
      function(std::span(outputs_).subspan(begin, end - begin), begin);
      begin = end;
    }
  }

  // ---- progress of the call ----

  std::int64_t call_rows() const { return call_rows_; }      ///< of all passes
  std::int64_t rows_before() const { return rows_before_; }  ///< of the passes before this one

 private:
  static std::int32_t rows_that_fit(const SessionLimits& limits, std::int32_t max_rows) {
    const std::int64_t all = static_cast<std::int64_t>(limits.n_slots) * limits.max_tokens;
    return static_cast<std::int32_t>(std::min<std::int64_t>({max_rows, limits.max_forward_tokens, all}));
  }

  void clear() {
    tokens_.clear();
    positions_.clear();
    segments_.clear();
    outputs_.clear();
    output_rows_.clear();
  }

  void add_output(std::int32_t row, std::int64_t index, bool greedy) {
    outputs_.push_back({row, greedy, index});
    output_rows_.push_back(row);
  }

  void add_segment(const ib_sequence& sequence, std::int32_t n_rows_taken) {
    const std::int32_t position = held_[static_cast<std::size_t>(sequence.slot)] + taken_;
    segments_.push_back({sequence.slot, n_rows(), n_rows_taken, position, sequence.tokens + taken_});
    for (std::int32_t i = 0; i < n_rows_taken; ++i) {
      if (sequence.output == IB_OUTPUT_ALL_LOGITS) add_output(n_rows(), logits_given_++, false);
      tokens_.push_back(sequence.tokens[taken_ + i]);
      positions_.push_back(position + i);
    }
    taken_ += n_rows_taken;
  }

  std::int32_t max_rows_;
  std::int32_t max_greedy_;
  std::int32_t max_segment_rows_;

  const ib_forward_params* params_ = nullptr;
  std::span<const std::int32_t> held_;
  std::int32_t sequence_ = 0;  // index in the call of the next to take from
  std::int32_t taken_ = 0;     // tokens already taken from it
  std::int64_t call_rows_ = 0;
  std::int64_t rows_before_ = 0;
  std::int64_t logits_given_ = 0;  // rows of the caller's logits that earlier outputs take
  std::int64_t ids_given_ = 0;

  std::vector<std::int32_t> tokens_;
  std::vector<std::int32_t> positions_;
  std::vector<PassSegment> segments_;
  std::vector<PassOutput> outputs_;
  std::vector<std::int32_t> output_rows_;
};

}  // namespace inferbench
