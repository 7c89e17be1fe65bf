// SPDX-License-Identifier: Apache-2.0
//
// Where a cache keeps the groups of heads: all heads in one group each, no two groups in the same memory.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <engine/kv_cache.hpp>

namespace inferbench::cpu_quant {
namespace {

TEST(KvCache, EveryHeadIsInOneGroup) {
  for (std::int32_t n_heads = 1; n_heads <= 25; ++n_heads) {
    for (const int n_threads : {1, 2, 3, 4, 7, 12, 64}) {
      MemoryMeter meter;
      const KvCache cache({kKvF16, 1, 1, n_heads, 8, 16}, n_threads, meter);
      ASSERT_EQ(cache.n_groups(), std::min(n_heads, n_threads));
      std::int32_t next = 0;
      for (std::int32_t i = 0; i < cache.n_groups(); ++i) {
        const HeadRange heads = cache.group(i);
        ASSERT_EQ(heads.first, next);
        ASSERT_GE(heads.n, cache.most_heads() - 1);
        ASSERT_LE(heads.n, cache.most_heads());
        for (next = heads.first; next < heads.first + heads.n; ++next) ASSERT_EQ(cache.group_of(next), i);
      }
      ASSERT_EQ(next, n_heads) << n_threads << " threads";
    }
  }
}

TEST(KvCache, GroupsFollowEachOther) {
  for (const std::int32_t type : {kKvF32, kKvF16, kKvInt8}) {
    const KvShape shape = {type, 2, 3, 7, 20, 33};
    MemoryMeter meter;
    KvCache cache(shape, 3, meter);
    const std::uint8_t* next = cache.args(0, 0, 0).cache;
    const std::uint8_t* const begin = next;
    for (std::int32_t slot = 0; slot < shape.n_slots; ++slot) {
      for (std::int32_t layer = 0; layer < shape.n_layers; ++layer) {
        for (std::int32_t i = 0; i < cache.n_groups(); ++i) {
          const AttentionArgs args = cache.args(slot, layer, i);
          EXPECT_EQ(args.cache, next);
          EXPECT_EQ(args.group_heads, cache.group(i).n);
          EXPECT_EQ(args.n_heads, args.group_heads);
          next = args.cache + kv_group_bytes(args.kv_type, args.capacity, args.head_dim, args.group_heads);
        }
      }
    }
    EXPECT_EQ(static_cast<std::uint64_t>(next - begin), cache.bytes());
    EXPECT_EQ(meter.peak(), cache.bytes());
  }
}

}  // namespace
}  // namespace inferbench::cpu_quant
