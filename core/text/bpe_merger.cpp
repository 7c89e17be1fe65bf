// SPDX-License-Identifier: Apache-2.0
#include "text/bpe_merger.hpp"

#include <algorithm>
#include <tuple>

namespace inferbench {
namespace {

// For std::push_heap, which keeps the "largest" on top: the later merge is the smaller one.
constexpr auto kLater = [](const auto& a, const auto& b) {
  return std::tie(a.rank, a.left) > std::tie(b.rank, b.left);
};

}  // namespace

void BpeMerger::add_candidate(std::int32_t left, std::int32_t right) {
  const std::int32_t left_id = symbols_[static_cast<std::size_t>(left)].id;
  const std::int32_t right_id = symbols_[static_cast<std::size_t>(right)].id;
  const Vocabulary::Merge* found = vocabulary_.find_merge(left_id, right_id);
  if (found == nullptr) return;
  heap_.push_back({found->rank, left, left_id, right_id, found->result});
}

void BpeMerger::merge(const Candidate& candidate) {
  const auto size = static_cast<std::int32_t>(symbols_.size());
  Symbol& left = symbols_[static_cast<std::size_t>(candidate.left)];
  if (left.id != candidate.left_id || left.next == size) return;  // out of date
  Symbol& right = symbols_[static_cast<std::size_t>(left.next)];
  if (right.id != candidate.right_id) return;
  left.id = candidate.result;
  left.next = right.next;
  right.id = -1;
  const auto add = [this](std::int32_t first, std::int32_t second) {
    const std::size_t before = heap_.size();
    add_candidate(first, second);
    if (heap_.size() > before) std::push_heap(heap_.begin(), heap_.end(), kLater);
  };
  if (left.next != size) {
    symbols_[static_cast<std::size_t>(left.next)].previous = candidate.left;
    add(candidate.left, left.next);
  }
  if (left.previous >= 0) add(left.previous, candidate.left);
}

void BpeMerger::encode(std::string_view piece, std::vector<std::int32_t>& ids) {
  const auto size = static_cast<std::int32_t>(piece.size());
  symbols_.clear();
  heap_.clear();
  symbols_.reserve(piece.size());
  for (std::int32_t i = 0; i < size; ++i) {
    const auto byte = static_cast<std::uint8_t>(piece[static_cast<std::size_t>(i)]);
    symbols_.push_back({vocabulary_.byte_token(byte), i - 1, i + 1});
  }
  for (std::int32_t i = 0; i + 1 < size; ++i) add_candidate(i, i + 1);
  std::make_heap(heap_.begin(), heap_.end(), kLater);
  while (!heap_.empty()) {
    std::pop_heap(heap_.begin(), heap_.end(), kLater);
    const Candidate candidate = heap_.back();
    heap_.pop_back();
    merge(candidate);
  }
  for (std::int32_t i = 0; i < size; i = symbols_[static_cast<std::size_t>(i)].next) {
    ids.push_back(symbols_[static_cast<std::size_t>(i)].id);
  }
}

}  // namespace inferbench
