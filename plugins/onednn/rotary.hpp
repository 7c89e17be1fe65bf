// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "inferbench/backend.h"

namespace inferbench::onednn {

/// A copy of a description's rotary tables: the description is gone after model_create.
struct RotaryTables {
  explicit RotaryTables(const ib_model_desc& desc);

  std::int64_t half;                ///< of a head
  std::vector<double> frequencies;  ///< [tables, half], radians per position
  std::vector<double> scales;       ///< [tables]
};

/// Rotates queries and keys. Cosines and sines are computed for a pass's positions only, so that memory and time do not
/// depend on the model's context length.
class Rotary {
 public:
  Rotary(const RotaryTables& tables, std::int64_t max_rows);

  /// The positions of the next pass's rows.
  void set_positions(std::span<const std::int32_t> positions);

  /// Rotates each row's first `n_heads` heads, of 2 * half floats, by the row's position. Rows are `stride` floats
  /// apart; `from` and `to` may be the same.
  void run(std::int32_t table, const float* from, std::int64_t rows, std::int64_t n_heads, std::int64_t stride,
           float* to) const;

  std::uint64_t scratch_bytes() const { return (cosines_.size() + sines_.size()) * sizeof(float); }

 private:
  std::size_t row_offset(std::int64_t table, std::int64_t row) const;

  RotaryTables tables_;
  std::int64_t max_rows_;
  std::vector<float> cosines_;  // [tables, max_rows, half], the table's scale included
  std::vector<float> sines_;    // the same
};

}  // namespace inferbench::onednn
