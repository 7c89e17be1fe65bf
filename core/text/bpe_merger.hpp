// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "text/merge_table.hpp"

namespace inferbench {

/// Byte-pair merges of one piece after another, with work space that is kept between them. Not thread-safe.
class BpeMerger {
 public:
  /// `merges` outlives it.
  explicit BpeMerger(const MergeTable& merges) : merges_(merges) {}

  /// Appends the tokens that `symbols` (ids, fewer than 2^31) merge into to `ids`: the pair of lowest rank is merged
  /// first, the leftmost if ranks are equal, until none is left. O(n log n).
  void merge(std::span<const std::int32_t> symbols, std::vector<std::int32_t>& ids);

 private:
  /// Symbols are a doubly linked list inside an array, so that a merge costs no shifting.
  struct Symbol {
    std::int32_t id;  ///< -1: merged into the one on its left
    std::int32_t previous;
    std::int32_t next;  ///< where this symbol ends; the size of the array if it is the last
  };
  /// 16 bytes, compared by one integer: the heap's moves are most of the time that a long piece takes.
  struct Candidate {
    std::uint64_t order;  ///< rank, then index of the left symbol
    std::int32_t end;     ///< where the right symbol ends: a candidate is out of date when this has changed
    std::int32_t result;

    bool operator<(const Candidate& other) const { return order > other.order; }  // for std::push_heap
  };

  /// Appends to the heap's array, without restoring the heap. False if the two don't merge.
  bool add_candidate(std::int32_t left, std::int32_t right);
  void apply(const Candidate& candidate);

  const MergeTable& merges_;
  std::vector<Symbol> symbols_;
  std::vector<Candidate> heap_;
};

}  // namespace inferbench
