// SPDX-License-Identifier: Apache-2.0
//
// Work stealing over the items of a phase: each goes to exactly one thread, whoever takes when.
#include <gtest/gtest.h>

#include <atomic>
#include <engine/work_ranges.hpp>
#include <thread>
#include <vector>

namespace inferbench::cpu_quant {
namespace {

TEST(WorkRanges, AreContiguousAndCoverAllItems) {
  for (const int n_threads : {1, 2, 3, 7, 64}) {
    for (const std::uint32_t n_items : {1U, 2U, 5U, 64U, 1000U, 4000000000U}) {
      std::uint32_t next = 0;
      for (int t = 0; t < n_threads; ++t) {
        const WorkRange range = first_range(n_items, t, n_threads);
        EXPECT_EQ(range.begin, next);
        EXPECT_LE(range.end - range.begin, n_items / static_cast<std::uint32_t>(n_threads) + 1);
        next = range.end;
      }
      EXPECT_EQ(next, n_items);
    }
  }
}

TEST(WorkRanges, OneThreadTakesItsOwnInOrderThenStealsFromTheEnd) {
  WorkRanges ranges(2);
  ranges.assign(5);  // 0 and 1; 2, 3 and 4
  for (const std::uint32_t expected : {0U, 1U, 4U, 3U, 2U}) {
    std::uint32_t item = 99;
    ASSERT_TRUE(ranges.take(0, item));
    EXPECT_EQ(item, expected);
  }
  std::uint32_t item = 0;
  EXPECT_FALSE(ranges.take(0, item));
  EXPECT_FALSE(ranges.take(1, item));
}

// Phases follow each other while threads look for items all the time, as in a forward pass.
TEST(WorkRanges, EveryItemOfEveryPhaseIsTakenOnce) {
  constexpr int kThreads = 4;
  constexpr std::uint32_t kItems = 37;
  constexpr std::uint32_t kPhases = 2000;
  WorkRanges ranges(kThreads);
  std::vector<std::atomic<std::uint32_t>> taken(kItems);
  std::atomic<std::uint32_t> done{0};
  std::atomic<std::uint32_t> phase{0};
  const auto work = [&](int thread) {
    while (phase.load(std::memory_order_acquire) < kPhases) {
      std::uint32_t item = 0;
      if (!ranges.take(thread, item)) {
        std::this_thread::yield();
        continue;
      }
      taken[item].fetch_add(1);
      if (done.fetch_add(1) + 1 < kItems) continue;
      done.store(0);
      if (phase.fetch_add(1) + 1 < kPhases) ranges.assign(kItems);
    }
  };
  ranges.assign(kItems);
  std::vector<std::thread> threads;
  for (int t = 0; t < kThreads; ++t) threads.emplace_back(work, t);
  for (std::thread& thread : threads) thread.join();
  for (const std::atomic<std::uint32_t>& times : taken) EXPECT_EQ(times.load(), kPhases);
}

}  // namespace
}  // namespace inferbench::cpu_quant
