// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <vector>

namespace inferbench {

/// What a KV cache of bounded length holds of an endless text. GPT-2 has learned a vector for each position, so the
/// cache cannot be shifted: when it is full it is emptied, and the latest half of the text is fed again.
class SlidingContext {
 public:
  /// `capacity`: positions, at least 2. `empty`: forgets what the cache holds.
  SlidingContext(std::int32_t capacity, std::function<void()> empty);

  /// What to feed so that `fed` comes next: `fed` itself where there is room, else the cache is emptied, and it is the
  /// end of all that was fed. Valid until the next call; counted as held.
  std::span<const std::int32_t> make_room(std::span<const std::int32_t> fed);

  std::int32_t capacity() const { return static_cast<std::int32_t>(capacity_); }
  std::size_t held() const { return held_.size(); }
  std::size_t slides() const { return slides_; }

 private:
  std::size_t capacity_;
  std::function<void()> empty_;
  std::vector<std::int32_t> held_;
  std::size_t slides_ = 0;
};

}  // namespace inferbench
