// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>

namespace inferbench::cpu_quant {

// Two cache lines apart, because the prefetcher of adjacent lines makes neighbours share.
inline constexpr std::size_t kApart = 128;

/// Items [begin, end) of a phase.
struct Share {
  std::uint32_t begin;
  std::uint32_t end;
};

/// The part of n_items that `thread` starts with: all parts are contiguous, in the threads' order.
constexpr Share share_of(std::uint32_t n_items, int thread, int n_threads) {
  const auto cut = [&](int i) {
    return static_cast<std::uint32_t>(std::uint64_t{n_items} * static_cast<std::uint64_t>(i) /
                                      static_cast<std::uint64_t>(n_threads));
  };
  return {cut(thread), cut(thread + 1)};
}

/// The items of one phase after another, dealt to threads. Each takes from the front of its own share, so that it reads
/// memory in one stream; who has none left takes from the back of another's.
class Shares {
 public:
  explicit Shares(int n_threads) : n_threads_(n_threads), hands_(new Hand[static_cast<std::size_t>(n_threads)]) {}

  /// Only when no items are left. What was written before is seen by who takes an item.
  void deal(std::uint32_t n_items) noexcept {
    for (int t = 0; t < n_threads_; ++t)
      hand(t).store(pack(share_of(n_items, t, n_threads_)), std::memory_order_release);
  }

  /// False when none are left at the moment.
  bool take(int thread, std::uint32_t& item) noexcept {
    if (take_front(hand(thread), item)) return true;
    for (int other = 1; other < n_threads_; ++other) {
      if (take_back(hand((thread + other) % n_threads_), item)) return true;
    }
    return false;
  }

 private:
  struct alignas(kApart) Hand {
    std::atomic<std::uint64_t> items{0};
  };

  static std::uint64_t pack(Share share) { return std::uint64_t{share.begin} << 32 | share.end; }
  static Share unpack(std::uint64_t items) {
    return {static_cast<std::uint32_t>(items >> 32), static_cast<std::uint32_t>(items)};
  }
  std::atomic<std::uint64_t>& hand(int thread) noexcept { return hands_[static_cast<std::size_t>(thread)].items; }

  // A word says all about the items it holds, so it does not matter whether it changed and came back in between.
  static bool take_front(std::atomic<std::uint64_t>& items, std::uint32_t& item) noexcept {
    std::uint64_t seen = items.load(std::memory_order_acquire);
    for (;;) {
      const Share share = unpack(seen);
      if (share.begin >= share.end) return false;
      item = share.begin;
      if (items.compare_exchange_weak(seen, pack({share.begin + 1, share.end}), std::memory_order_acq_rel)) return true;
    }
  }
  static bool take_back(std::atomic<std::uint64_t>& items, std::uint32_t& item) noexcept {
    std::uint64_t seen = items.load(std::memory_order_acquire);
    for (;;) {
      const Share share = unpack(seen);
      if (share.begin >= share.end) return false;
      item = share.end - 1;
      if (items.compare_exchange_weak(seen, pack({share.begin, item}), std::memory_order_acq_rel)) return true;
    }
  }

  int n_threads_;
  std::unique_ptr<Hand[]> hands_;
};

}  // namespace inferbench::cpu_quant
