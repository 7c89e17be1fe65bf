// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <vector>

#include "buffer.hpp"
#include "inferbench/backend.h"
#include "thread_pool.hpp"

namespace inferbench::cpu_ref {

/// The rotary tables of a description, copied.
struct RotaryFrequencies {
  explicit RotaryFrequencies(const ib_model_desc& desc);

  std::int64_t n_tables;
  std::int64_t half;                ///< head_dim / 2
  std::vector<double> frequencies;  ///< [n_tables, half], radians a position
  std::vector<double> scales;       ///< [n_tables]
};

/// Cosines and sines of each position's angles, times the table's scale. An angle is formed and reduced in double: in
/// float, one at position 100,000 would be off by up to 0.004. Positions are filled as a session comes to use them.
class RotaryTables {
 public:
  /// Memory for positions 0 to max_tokens - 1. Borrows from `frequencies`.
  RotaryTables(const RotaryFrequencies& frequencies, std::int64_t max_tokens);

  /// Fills what is missing of positions 0 to n_positions - 1. Allocates nothing.
  void reach(std::int64_t n_positions, ThreadPool& pool);

  /// [half]; the position was reached.
  const float* cosines(std::int32_t table, std::int64_t position) const {
    return storage_.data() + (table * max_tokens_ + position) * 2 * from_->half;
  }
  const float* sines(std::int32_t table, std::int64_t position) const { return cosines(table, position) + from_->half; }

  const Buffer& storage() const { return storage_; }

 private:
  void fill(std::int64_t table, std::int64_t position) const;

  const RotaryFrequencies* from_;
  std::int64_t max_tokens_;
  std::int64_t filled_ = 0;  ///< positions
  Buffer storage_;
};

}  // namespace inferbench::cpu_ref
