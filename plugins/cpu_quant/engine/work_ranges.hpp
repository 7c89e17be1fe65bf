// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>

namespace inferbench::cpu_quant {

// Data of different threads is two cache lines apart: the adjacent-line prefetcher would make neighbours share.
inline constexpr std::size_t kThreadAlignment = 128;

/// Items [begin, end) of a phase.
struct WorkRange {
  std::uint32_t begin;
  std::uint32_t end;
};

/// The range of n_items that `thread` starts with. Ranges are contiguous, in the order of the threads.
constexpr WorkRange first_range(std::uint32_t n_items, int thread, int n_threads) {
  const auto cut = [&](int i) {
    return static_cast<std::uint32_t>(std::uint64_t{n_items} * static_cast<std::uint64_t>(i) /
                                      static_cast<std::uint64_t>(n_threads));
  };
  return {cut(thread), cut(thread + 1)};
}

/// Work stealing over the items of one phase after another. Each thread takes items from the front of its own range, so
/// that it reads memory in one stream; a thread with none left steals from the back of another thread's range.
class WorkRanges {
 public:
  explicit WorkRanges(int n_threads)
      : n_threads_(n_threads), ranges_(new AtomicRange[static_cast<std::size_t>(n_threads)]) {}

  /// Gives each thread its first range of n_items. Only when no items are left. A thread that takes an item sees all
  /// that was written before.
  void assign(std::uint32_t n_items) noexcept {
    for (int t = 0; t < n_threads_; ++t) {
      range_of(t).store(pack(first_range(n_items, t, n_threads_)), std::memory_order_release);
    }
  }

  /// The next item for `thread`, its own or a stolen one; false when none are left at the moment.
  bool take(int thread, std::uint32_t& item) noexcept {
    if (pop_front(range_of(thread), item)) return true;
    for (int other = 1; other < n_threads_; ++other) {
      if (steal_back(range_of((thread + other) % n_threads_), item)) return true;
    }
    return false;
  }

 private:
  struct alignas(kThreadAlignment) AtomicRange {
    std::atomic<std::uint64_t> packed{0};
  };

  static std::uint64_t pack(WorkRange range) { return std::uint64_t{range.begin} << 32 | range.end; }
  static WorkRange unpack(std::uint64_t packed) {
    return {static_cast<std::uint32_t>(packed >> 32), static_cast<std::uint32_t>(packed)};
  }
  std::atomic<std::uint64_t>& range_of(int thread) noexcept { return ranges_[static_cast<std::size_t>(thread)].packed; }

  // The word fully encodes the range, so ABA is harmless.
  static bool pop_front(std::atomic<std::uint64_t>& packed, std::uint32_t& item) noexcept {
    std::uint64_t seen = packed.load(std::memory_order_acquire);
    for (;;) {
      const WorkRange range = unpack(seen);
      if (range.begin >= range.end) return false;
      item = range.begin;
      if (packed.compare_exchange_weak(seen, pack({range.begin + 1, range.end}), std::memory_order_acq_rel)) {
        return true;
      }
    }
  }
  static bool steal_back(std::atomic<std::uint64_t>& packed, std::uint32_t& item) noexcept {
    std::uint64_t seen = packed.load(std::memory_order_acquire);
    for (;;) {
      const WorkRange range = unpack(seen);
      if (range.begin >= range.end) return false;
      item = range.end - 1;
      if (packed.compare_exchange_weak(seen, pack({range.begin, item}), std::memory_order_acq_rel)) return true;
    }
  }

  int n_threads_;
  std::unique_ptr<AtomicRange[]> ranges_;
};

}  // namespace inferbench::cpu_quant
