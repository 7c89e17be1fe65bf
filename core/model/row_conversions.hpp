// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <vector>

#include "model/anonymous_memory.hpp"

namespace inferbench {

/// Weights that are made row by row from what a file holds: dequantized or reordered. Owns their memory.
class RowConversions {
 public:
  /// Writes all `row_bytes` of one row. Called by several threads at once; must not throw.
  using Convert = std::function<void(std::int64_t row, std::byte* out)>;

  /// Returns the number under which data() finds the rows.
  std::size_t add(std::int64_t rows, std::size_t row_bytes, Convert convert);
  /// Makes all rows, once, after the last add(). Throws Error if there is not enough memory.
  void run();
  const std::byte* data(std::size_t number) const { return memory_->data() + parts_[number].begin; }

 private:
  struct Part {
    std::int64_t rows;
    std::size_t row_bytes;
    std::size_t begin;
    Convert convert;
  };

  std::vector<Part> parts_;
  std::size_t n_bytes_ = 0;
  std::optional<AnonymousMemory> memory_;
};

}  // namespace inferbench
