// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace inferbench {

/// Which pairs of tokens merge, into what, and how early. Encoding looks up every pair of neighbours, so this is one
/// flat array with linear probing instead of a node for each pair.
class MergeTable {
 public:
  struct Merge {
    std::int32_t rank;    ///< the lowest is merged first
    std::int32_t result;  ///< id of the joined token
  };

  void reserve(std::size_t n_merges);
  /// Ids are not negative. False if the pair was there already; it then gets the new merge.
  bool set(std::int32_t left, std::int32_t right, Merge merge);
  /// How `left` followed by `right` merges, or null. Valid until the next call of set.
  const Merge* find(std::int32_t left, std::int32_t right) const;
  std::size_t size() const { return size_; }

 private:
  static constexpr std::uint64_t kEmpty = ~std::uint64_t{0};
  struct Slot {
    std::uint64_t pair = kEmpty;
    Merge merge{};
  };

  static std::uint64_t key(std::int32_t left, std::int32_t right) {
    return std::uint64_t{static_cast<std::uint32_t>(left)} << 32U | static_cast<std::uint32_t>(right);
  }
  /// The slot of `pair`, or the empty one where it belongs. There must be an empty slot.
  std::size_t slot_of(std::uint64_t pair) const;
  void resize(std::size_t n_slots);

  std::vector<Slot> slots_;  ///< a power of two, at most half of them used
  std::size_t size_ = 0;
};

}  // namespace inferbench
