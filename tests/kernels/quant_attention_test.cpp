// SPDX-License-Identifier: Apache-2.0
//
// Attention on every instruction set against double precision over the values that the cache holds, for every kind of
// cache, odd head sizes and block borders.
#include <cmath>
#include <limits>

#include "attention_group.hpp"

namespace inferbench::cpu_quant {
namespace {

class QuantAttention : public OnEveryIsa {};

TEST_P(QuantAttention, PrefillThenDecodeAtEveryCacheType) {
  Random random(21);
  for (const int32_t type : {kKvF32, kKvF16, kKvInt8}) {
    Group group(kernels(), {.heads = 3, .head_dim = 64, .capacity = 150, .kv_type = type}, random);
    group.expect_exact(group.step(0, 130), 0, 130);
    group.expect_stored(130);
    for (int32_t position = 130; position < 150; ++position) {
      group.expect_exact(group.step(position, 1), position, 1);
    }
  }
}

TEST_P(QuantAttention, EveryCountOfRowsFromEveryPosition) {
  Random random(22);
  Group group(kernels(), {.heads = 2, .head_dim = 32, .capacity = 200, .kv_type = kKvF16}, random);
  int32_t first = 0;
  for (int32_t n = 1; first + n <= 200; ++n) {
    group.expect_exact(group.step(first, n), first, n);
    first += n;
  }
  EXPECT_GT(first, 180);
}

// More keys than a block of the online softmax holds, from several first positions, with the largest scores anywhere.
TEST_P(QuantAttention, BlocksOfKeys) {
  Random random(30);
  for (const int32_t type : {kKvF32, kKvF16, kKvInt8}) {
    for (const int32_t dim : {40, 64}) {
      Group group(kernels(), {.heads = 2, .head_dim = dim, .capacity = 610, .kv_type = type}, random);
      for (const int32_t position : {3, 270, 290, 520}) {
        for (int32_t d = 0; d < group.columns(); ++d)
          group.keys()[static_cast<size_t>(position * group.stride() + d)] *= 3;
      }
      int32_t first = 0;
      for (const int32_t n : {300, 10, 1, 129, 100, 70}) {
        group.expect_exact(group.step(first, n), first, n);
        first += n;
      }
    }
  }
}

TEST_P(QuantAttention, TheWidestHeads) {
  Random random(31);
  Group group(kernels(), {.head_dim = 1024, .capacity = 300, .kv_type = kKvF16}, random);
  group.expect_exact(group.step(0, 290), 0, 290);
  group.expect_exact(group.step(290, 9), 290, 9);
}

// Few rows at the borders of chunks, exact; and the chunks one by one, then merged: the same bits.
TEST_P(QuantAttention, ChunksOfKeys) {
  Random random(33);
  for (const int32_t type : {kKvF32, kKvF16, kKvInt8}) {
    for (const int32_t window : {0, 600}) {
      Group group(kernels(),
                  {.heads = 2, .queries = 3, .head_dim = 40, .capacity = 1100, .kv_type = type, .window = window},
                  random);
      std::vector<float> out(static_cast<size_t>(1100 * group.stride()));
      const AttentionArgs all = group.args(0, 1100, out);
      kernels().kv_append(&all);
      for (const int32_t first : {511, 1022, 1097}) {
        for (int32_t n = 1; n <= kAttentionFewRows; ++n) {
          const std::vector<float> whole = group.step(first, n);
          group.expect_exact(whole, first, n);
          std::vector<float> merged(whole.size(), 9.0F);
          const AttentionArgs a = group.args(first, n, merged);
          const int32_t seen = first_seen(first, window);
          const int32_t chunks = attention_chunks(seen, first + n);
          const int64_t floats = n * 6 * attention_part_floats(40);
          std::vector<float> parts(static_cast<size_t>(chunks * floats), std::numeric_limits<float>::quiet_NaN());
          for (int32_t i = chunks - 1; i >= 0; --i) {
            kernels().attention_part(&a, seen / kAttentionChunk + i, parts.data() + i * floats);
          }
          kernels().attention_merge(&a, parts.data(), chunks);
          EXPECT_TRUE(same_bits(merged.data(), whole.data(), static_cast<int64_t>(whole.size())))
              << n << " rows from " << first << ", window " << window;
        }
      }
    }
  }
}

// attention_many serves any number of rows, as blocks of many may leave any.
TEST_P(QuantAttention, ManyMayBeFew) {
  Random random(32);
  Group group(kernels(), {.heads = 2, .head_dim = 64, .capacity = 60, .kv_type = kKvF16}, random);
  const std::vector<float> together = group.step(0, 51);
  for (const int32_t n : {1, 2, 3}) {
    std::vector<float> out(static_cast<size_t>(n * group.stride()), 9.0F);
    const AttentionArgs a = group.args(48, n, out);
    kernels().attention_many(&a);
    const int64_t from = 48 * group.stride();
    EXPECT_TRUE(same_bits(out.data(), together.data() + from, static_cast<int64_t>(out.size()))) << n;
  }
}

TEST_P(QuantAttention, OddHeadSizes) {
  Random random(23);
  for (const int32_t dim : {1, 2, 3, 8, 15, 16, 17, 24, 48, 63, 65, 80, 96, 100, 128}) {
    for (const int32_t type : {kKvF32, kKvF16, kKvInt8}) {
      Group group(kernels(), {.heads = 2, .head_dim = dim, .capacity = 33, .kv_type = type}, random);
      group.expect_exact(group.step(0, 20), 0, 20);
      group.expect_exact(group.step(20, 1), 20, 1);
      group.expect_exact(group.step(21, 12), 21, 12);
    }
  }
}

TEST_P(QuantAttention, TheCacheIsTheSameOnEveryInstructionSet) {
  for (const int32_t type : {kKvF32, kKvF16, kKvInt8}) {
    Random mine(24);
    Random theirs(24);
    Group group(kernels(), {.heads = 3, .head_dim = 48, .capacity = 40, .kv_type = type}, mine);
    Group reference(generic(), {.heads = 3, .head_dim = 48, .capacity = 40, .kv_type = type}, theirs);
    for (std::vector<float>* keys : {&group.keys(), &reference.keys()}) {
      (*keys)[0] = 1e-7F;  // subnormal, tiny and overflowing halves
      (*keys)[1] = 1e-12F;
      (*keys)[2] = 65519.0F;
      (*keys)[3] = 65520.0F;
      (*keys)[4] = -1e30F;
      (*keys)[5] = 6.1e-5F;
    }
    group.step(0, 40);
    reference.step(0, 40);
    EXPECT_EQ(std::memcmp(group.cache().data(), reference.cache().data(), static_cast<size_t>(group.cache().size())), 0)
        << type;
  }
}

// Groups are how the work is cut, not what is computed.
TEST_P(QuantAttention, AHeadAloneIsTheSameAsInItsGroup) {
  for (const int32_t type : {kKvF32, kKvF16, kKvInt8}) {
    const Shape shape = {.heads = 5, .head_dim = 80, .capacity = 70, .kv_type = type};
    Random mine(28);
    Random theirs(28);
    Group together(kernels(), shape, mine);
    Group alone(kernels(), shape, theirs);
    for (const auto& [first, n] : {std::pair<int32_t, int32_t>{0, 50}, {50, 1}, {51, 3}, {54, 9}}) {
      const std::vector<float> want = together.step(first, n);
      std::vector<float> out(want.size(), 9.0F);
      for (int32_t head = 0; head < shape.heads; ++head) {
        const AttentionArgs a = alone.args_of_head(head, first, n, out);
        kernels().kv_append(&a);
        attend(kernels(), a);
      }
      EXPECT_TRUE(same_bits(out.data(), want.data(), static_cast<int64_t>(want.size()))) << "rows from " << first;
    }
    EXPECT_EQ(std::memcmp(together.cache().data(), alone.cache().data(), static_cast<size_t>(alone.cache().size())), 0);
  }
}

// What a caller names as upcoming is fetched, not used: any address, of any length, and none.
TEST_P(QuantAttention, UpcomingMemoryDoesNotMatter) {
  Random random(29);
  Group group(kernels(), {.heads = 2, .head_dim = 64, .capacity = 60, .kv_type = kKvF16}, random);
  group.step(0, 59);
  std::vector<float> out(static_cast<size_t>(group.stride()), 9.0F);
  const std::vector<float> one = group.step(59, 1);
  for (const int64_t bytes : {int64_t{0}, int64_t{1}, int64_t{4096}, int64_t{1} << 40}) {
    AttentionArgs a = group.args(59, 1, out);
    a.upcoming = bytes == 0 ? nullptr : group.cache().data() + 64;
    a.upcoming_bytes = bytes;
    attend(kernels(), a);
    EXPECT_TRUE(same_bits(out.data(), one.data(), static_cast<int64_t>(one.size())));
  }
}

TEST_P(QuantAttention, LaterPositionsDoNotReachEarlierRows) {
  Random random(25);
  Group group(kernels(), {.head_dim = 64, .capacity = 128, .kv_type = kKvF16}, random);
  std::vector<float> before = group.step(0, 70);
  group.step(70, 58);
  std::vector<float> after(before.size(), 9.0F);
  const AttentionArgs again = group.args(0, 70, after);
  attend(kernels(), again);
  EXPECT_TRUE(same_bits(before.data(), after.data(), static_cast<int64_t>(before.size())));
}

TEST_P(QuantAttention, ANumberlessKeyMakesTheRowsThatSeeItNumberless) {
  Random random(26);
  for (const int32_t type : {kKvF32, kKvF16, kKvInt8}) {
    Group group(kernels(), {.head_dim = 64, .capacity = 100, .kv_type = type}, random);
    group.keys()[static_cast<size_t>(50 * group.kv_stride() + 3)] = std::numeric_limits<float>::quiet_NaN();
    const std::vector<float> out = group.step(0, 99);
    const std::vector<float> one = group.step(99, 1);
    for (int32_t r = 0; r < 99; ++r) {
      EXPECT_EQ(std::isnan(out[static_cast<size_t>(r * group.stride())]), r >= 50) << r << " kv " << type;
    }
    EXPECT_TRUE(std::isnan(one[0]));
  }
}

TEST_P(QuantAttention, LargeScoresDoNotOverflow) {
  Random random(27);
  Group group(kernels(), {.head_dim = 64, .capacity = 80, .kv_type = kKvF32}, random);
  for (float& x : group.keys()) x *= 1000.0F;
  for (const auto& [first, n] : {std::pair<int32_t, int32_t>{0, 79}, {79, 1}}) {
    for (const float x : group.step(first, n)) ASSERT_TRUE(std::isfinite(x));
  }
}

// Every count of heads of queries that share keys, the last ones of a chunk included.
TEST_P(QuantAttention, HeadsOfQueriesShareKeys) {
  Random random(31);
  for (int32_t queries = 1; queries <= 9; ++queries) {
    for (const int32_t type : {kKvF32, kKvF16, kKvInt8}) {
      for (const int32_t dim : {24, 64}) {
        Group group(kernels(), {.heads = 2, .queries = queries, .head_dim = dim, .capacity = 60, .kv_type = type},
                    random);
        group.expect_exact(group.step(0, 50), 0, 50);
        group.expect_exact(group.step(50, 1), 50, 1);
        group.expect_exact(group.step(51, 3), 51, 3);
      }
    }
  }
}

TEST_P(QuantAttention, AHeadOfQueriesAloneIsTheSameAsAmongManyRows) {
  Random random(32);
  const Shape shape = {.heads = 2, .queries = 3, .head_dim = 64, .capacity = 70, .kv_type = kKvF16};
  Group group(kernels(), shape, random);
  const std::vector<float> want = group.step(0, 70);
  std::vector<float> out(want.size(), 9.0F);
  for (int32_t query = 0; query < 6; ++query) {
    const AttentionArgs a = group.args_of_query(query, 0, 70, out);
    attend(kernels(), a);
  }
  EXPECT_TRUE(same_bits(out.data(), want.data(), static_cast<int64_t>(want.size())));
}

// Windows that end within, at and across blocks of keys, for few rows and many.
TEST_P(QuantAttention, WindowsHideWhatIsBeforeThem) {
  Random random(33);
  for (const int32_t window : {1, 2, 15, 16, 17, 31, 64, 65, 100, 256, 300}) {
    for (const int32_t type : {kKvF16, kKvInt8}) {
      const Shape shape = {
          .heads = 1, .queries = 2, .head_dim = 32, .capacity = 600, .kv_type = type, .window = window};
      Group group(kernels(), shape, random);
      int32_t first = 0;
      for (const int32_t n : {1, 3, 40, 2, 150, 1, 5, 333, 1, 1, 48, 15}) {
        group.expect_exact(group.step(first, n), first, n);
        if (HasFatalFailure()) FAIL() << "window " << window;
        first += n;
      }
      EXPECT_EQ(first, 600);
    }
  }
}

// A position that the window hides may hold anything.
TEST_P(QuantAttention, HiddenKeysDoNotCount) {
  Random random(34);
  const Shape shape = {.heads = 1, .head_dim = 32, .capacity = 80, .kv_type = kKvF32, .window = 10};
  Group group(kernels(), shape, random);
  for (int32_t i = 0; i < 50; ++i) {
    for (int32_t d = 0; d < 32; ++d) group.keys()[static_cast<size_t>(i * group.kv_stride() + d)] = 1e4F;
  }
  group.step(0, 60);
  for (const int32_t n : {1, 3, 16}) {
    group.expect_exact(group.step(60, n), 60, n);
  }
}

TEST_P(QuantAttention, ScoresAreCapped) {
  Random random(35);
  for (const int32_t type : {kKvF32, kKvInt8}) {
    const Shape shape = {.heads = 2, .queries = 2, .head_dim = 48, .capacity = 90, .kv_type = type, .soft_cap = 1.5F};
    Group group(kernels(), shape, random);
    group.expect_exact(group.step(0, 80), 0, 80);
    group.expect_exact(group.step(80, 1), 80, 1);
    group.expect_exact(group.step(81, 3), 81, 3);
  }
}

// Queries and keys are normalized, then rotated, each by the row of its position.
TEST_P(QuantAttention, QueriesAndKeysAreNormalizedAndRotated) {
  Random random(36);
  for (const int32_t dim : {2, 6, 32, 40, 64, 100}) {
    for (const bool normalizes : {false, true}) {
      for (const bool rotates : {false, true}) {
        const Shape shape = {.heads = 2,
                             .queries = 2,
                             .head_dim = dim,
                             .capacity = 64,
                             .kv_type = kKvF16,
                             .rotates = rotates,
                             .normalizes = normalizes};
        Group group(kernels(), shape, random);
        int32_t first = 0;
        for (const int32_t n : {1, 37, 1, 20, 3}) {  // whole blocks of keys and parts of them
          group.expect_exact(group.step(first, n), first, n);
          first += n;
        }
        group.expect_stored(first);
        if (HasFatalFailure()) FAIL() << "head_dim " << dim;
      }
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Isas, QuantAttention,
                         testing::Values(Isa::Generic, Isa::Avx2, Isa::AvxVnni, Isa::Avx512Vnni, Isa::Amx), isa_name);

TEST(QuantSelection, AutoIsTheBestThatRuns) {
  const KernelTable* chosen = select_kernels(Isa::Auto);
  ASSERT_NE(chosen, nullptr);
  ASSERT_NE(select_kernels(Isa::Generic), nullptr);
  for (const Isa isa : {Isa::Amx, Isa::Avx512Vnni, Isa::AvxVnni, Isa::Avx2, Isa::Generic}) {
    if (select_kernels(isa) == nullptr) continue;
    EXPECT_EQ(chosen, select_kernels(isa));
    break;
  }
}

}  // namespace
}  // namespace inferbench::cpu_quant
