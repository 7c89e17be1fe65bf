// SPDX-License-Identifier: Apache-2.0
#include "text/sliding_context.hpp"

#include <algorithm>
#include <utility>

namespace inferbench {

SlidingContext::SlidingContext(std::int32_t capacity, std::function<void()> empty)
    : capacity_(static_cast<std::size_t>(capacity)), empty_(std::move(empty)) {}

std::span<const std::int32_t> SlidingContext::make_room(std::span<const std::int32_t> fed) {
  const std::size_t before = held_.size();
  held_.insert(held_.end(), fed.begin(), fed.end());
  if (held_.size() <= capacity_) return std::span<const std::int32_t>(held_).subspan(before);
  // Half of it, so that this does not happen with every token.
  held_.erase(held_.begin(), held_.end() - static_cast<std::ptrdiff_t>(std::max<std::size_t>(1, capacity_ / 2)));
  ++slides_;
  empty_();
  return held_;
}

}  // namespace inferbench
