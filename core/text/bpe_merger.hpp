// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "text/vocabulary.hpp"

namespace inferbench {

/// Byte-pair merges of one piece after another, with work space that is kept between them. Not thread-safe.
class BpeMerger {
 public:
  /// `vocabulary` outlives it.
  explicit BpeMerger(const Vocabulary& vocabulary) : vocabulary_(vocabulary) {}

  /// Appends the ids of `piece` (below 2^31 bytes) to `ids`: the pair of lowest rank is merged first, the leftmost
  /// where equal, until none is left. O(n log n).
  void encode(std::string_view piece, std::vector<std::int32_t>& ids);

 private:
  /// Symbols are a doubly linked list inside an array, so that a merge costs no shifting.
  struct Symbol {
    std::int32_t id;  ///< -1: merged into the one on its left
    std::int32_t previous;
    std::int32_t next;  ///< size of the array: none
  };
  struct Candidate {
    std::int32_t rank;
    std::int32_t left;  ///< index of the left symbol
    std::int32_t left_id;
    std::int32_t right_id;
    std::int32_t result;
  };

  /// Appends to the heap's array, without restoring the heap.
  void add_candidate(std::int32_t left, std::int32_t right);
  void merge(const Candidate& candidate);

  const Vocabulary& vocabulary_;
  std::vector<Symbol> symbols_;
  std::vector<Candidate> heap_;
};

}  // namespace inferbench
