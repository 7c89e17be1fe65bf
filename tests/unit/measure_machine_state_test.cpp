// SPDX-License-Identifier: Apache-2.0
#include <fcntl.h>
#include <gmock/gmock.h>
#include <sched.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cstring>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "measure/affinity.hpp"
#include "measure/page_cache.hpp"
#include "measure/resources.hpp"

namespace inferbench {
namespace {

using testing::ElementsAre;

constexpr std::uint64_t kBlock = 64U << 20U;

// Allocates and frees memory that the heap does not keep.
MemoryUse touch_block(std::uint64_t bytes = kBlock) {
  void* block = mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  EXPECT_NE(block, MAP_FAILED);
  std::memset(block, 1, bytes);
  const MemoryUse during = read_memory_use();
  munmap(block, bytes);
  return during;
}

TEST(MemoryUse, SeesWhatIsTouchedAndForgetsThePeak) {
  const MemoryUse before = read_memory_use();
  ASSERT_GT(before.rss_bytes, 0U);
  const MemoryUse during = touch_block();
  EXPECT_GE(*during.anonymous_bytes, *before.anonymous_bytes + kBlock * 9 / 10);
  EXPECT_GE(*read_memory_use().peak_rss_bytes, *before.rss_bytes + kBlock * 9 / 10);
  const PeakWatch watch;
  if (!watch.reset()) GTEST_SKIP() << "this kernel does not reset the peak";
  EXPECT_LT(watch.seen().peak_rss_bytes, *before.rss_bytes + kBlock / 2);
}

constexpr std::uint64_t kBatches = 1U << 20U;

// If the kernel's peak cannot be reset, an earlier peak must not be taken for the current one.
TEST(PeakWatch, IsSilentWhereAnEarlierPeakHidesItsOwn) {
  const std::string nobody_reads = testing::TempDir() + "/clear_refs_test";
  std::ofstream(nobody_reads) << "0";
  std::uint64_t bytes = 2 * kBlock;  // more than in any other test
  for (const std::string& path : {std::string("/nowhere/clear_refs"), nobody_reads}) {
    touch_block(bytes);
    const PeakWatch watch(path);
    EXPECT_FALSE(watch.reset()) << path;
    EXPECT_EQ(watch.seen().peak_rss_bytes, std::nullopt) << path;
    EXPECT_GT(watch.seen().rss_bytes, 0U);
    bytes += kBlock;
    const MemoryUse higher = touch_block(bytes);
    ASSERT_TRUE(watch.seen().peak_rss_bytes) << "it rose: that is of now";
    // The kernel counts pages in batches per CPU, so the two numbers may differ slightly.
    EXPECT_GE(*watch.seen().peak_rss_bytes + kBatches, *higher.rss_bytes);
  }
  std::filesystem::remove(nobody_reads);
}

TEST(ResourceUse, CountsCpuTime) {
  const ResourceUse before = read_resource_use();
  volatile double sink = 0;
  for (int i = 0; i < 50'000'000; ++i) sink = sink + 1;
  const ResourceUse spent = read_resource_use() - before;
  EXPECT_GT(spent.cpu_s, 0.005);
  EXPECT_LT(spent.cpu_s, 30);
}

TEST(Affinity, TakesOneCpuOfEachCoreFirst) {
  const std::vector<int> core_of{0, 0, 2, 2, 4, 4};  // siblings: 0 and 1, 2 and 3, 4 and 5
  EXPECT_THAT(spread_over_cores({0, 1, 2, 3, 4, 5}, core_of, 2), ElementsAre(0, 2));
  EXPECT_THAT(spread_over_cores({0, 1, 2, 3, 4, 5}, core_of, 4), ElementsAre(0, 1, 2, 4));
  EXPECT_THAT(spread_over_cores({1, 3}, core_of, 5), ElementsAre(1, 3));
}

TEST(Affinity, BindsAndGivesBack) {
  cpu_set_t before;
  ASSERT_EQ(sched_getaffinity(0, sizeof(before), &before), 0);
  {
    const ScopedAffinity one(1);
    cpu_set_t during;
    ASSERT_EQ(sched_getaffinity(0, sizeof(during), &during), 0);
    EXPECT_EQ(CPU_COUNT(&during), 1);
    EXPECT_EQ(one.cpus().size(), 1U);
  }
  cpu_set_t after;
  ASSERT_EQ(sched_getaffinity(0, sizeof(after), &after), 0);
  EXPECT_TRUE(CPU_EQUAL(&before, &after));
}

TEST(PageCache, SeesAFileThatWasJustWritten) {
  const auto path = std::filesystem::path(testing::TempDir()) / "page_cache_test.bin";
  {
    std::ofstream file(path, std::ios::binary);
    file << std::string(1U << 20U, 'x');
  }
  const std::vector<std::filesystem::path> files{path};
  const auto share = page_cache_share(files);
  ASSERT_TRUE(share);
  EXPECT_GT(*share, 0.99);
  std::filesystem::remove(path);
  EXPECT_FALSE(page_cache_share(files));
  EXPECT_FALSE(page_cache_share({}));
}

}  // namespace
}  // namespace inferbench
