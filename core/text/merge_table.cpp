// SPDX-License-Identifier: Apache-2.0
#include "text/merge_table.hpp"

#include <algorithm>
#include <bit>
#include <utility>

namespace inferbench {

std::size_t MergeTable::slot_of(std::uint64_t pair) const {
  const std::size_t mask = slots_.size() - 1;
  // The high half of the product depends on all bits of the pair.
  auto at = static_cast<std::size_t>((pair * 0x9E3779B97F4A7C15U) >> 32U) & mask;
  while (slots_[at].pair != pair && slots_[at].pair != kEmpty) at = (at + 1) & mask;
  return at;
}

void MergeTable::resize(std::size_t n_slots) {
  std::vector<Slot> old = std::exchange(slots_, std::vector<Slot>(n_slots));
  for (const Slot& slot : old) {
    if (slot.pair != kEmpty) slots_[slot_of(slot.pair)] = slot;
  }
}

void MergeTable::reserve(std::size_t n_merges) {
  const std::size_t wanted = std::bit_ceil(std::max<std::size_t>(16, 2 * n_merges));
  if (wanted > slots_.size()) resize(wanted);
}

bool MergeTable::set(std::int32_t left, std::int32_t right, Merge merge) {
  reserve(size_ + 1);
  Slot& slot = slots_[slot_of(key(left, right))];
  const bool is_new = slot.pair == kEmpty;
  slot = {key(left, right), merge};
  if (is_new) ++size_;
  return is_new;
}

const MergeTable::Merge* MergeTable::find(std::int32_t left, std::int32_t right) const {
  if (slots_.empty()) return nullptr;
  const Slot& slot = slots_[slot_of(key(left, right))];
  return slot.pair == kEmpty ? nullptr : &slot.merge;
}

}  // namespace inferbench
