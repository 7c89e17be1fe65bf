// SPDX-License-Identifier: Apache-2.0
#include "text/bpe_merger.hpp"

#include <algorithm>

namespace inferbench {

bool BpeMerger::add_candidate(std::int32_t left, std::int32_t right) {
  const Symbol& second = symbols_[static_cast<std::size_t>(right)];
  const MergeTable::Merge* found = merges_.find(symbols_[static_cast<std::size_t>(left)].id, second.id);
  if (found == nullptr) return false;
  const std::uint64_t order =
      std::uint64_t{static_cast<std::uint32_t>(found->rank)} << 32U | static_cast<std::uint32_t>(left);
  heap_.push_back({order, second.next, found->result});
  return true;
}

void BpeMerger::apply(const Candidate& candidate) {
  const auto size = static_cast<std::int32_t>(symbols_.size());
  const auto index = static_cast<std::int32_t>(candidate.order & 0xFFFFFFFFU);
  Symbol& left = symbols_[static_cast<std::size_t>(index)];
  // Symbols only grow to the right, so the pair is still the one of this candidate if its end is.
  if (left.id < 0 || left.next == size) return;
  Symbol& right = symbols_[static_cast<std::size_t>(left.next)];
  if (right.next != candidate.end) return;
  left.id = candidate.result;
  left.next = right.next;
  right.id = -1;
  if (left.next != size) {
    symbols_[static_cast<std::size_t>(left.next)].previous = index;
    if (add_candidate(index, left.next)) std::push_heap(heap_.begin(), heap_.end());
  }
  if (left.previous >= 0 && add_candidate(left.previous, index)) std::push_heap(heap_.begin(), heap_.end());
}

void BpeMerger::merge(std::span<const std::int32_t> symbols, std::vector<std::int32_t>& ids) {
  const auto size = static_cast<std::int32_t>(symbols.size());
  symbols_.clear();
  heap_.clear();
  symbols_.reserve(symbols.size());
  for (std::int32_t i = 0; i < size; ++i) symbols_.push_back({symbols[static_cast<std::size_t>(i)], i - 1, i + 1});
  for (std::int32_t i = 0; i + 1 < size; ++i) add_candidate(i, i + 1);
  std::make_heap(heap_.begin(), heap_.end());
  while (!heap_.empty()) {
    const Candidate candidate = heap_.front();
    std::pop_heap(heap_.begin(), heap_.end());
    heap_.pop_back();
    apply(candidate);
  }
  for (std::int32_t i = 0; i < size; i = symbols_[static_cast<std::size_t>(i)].next) {
    ids.push_back(symbols_[static_cast<std::size_t>(i)].id);
  }
}

}  // namespace inferbench
