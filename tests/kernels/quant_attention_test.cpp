// SPDX-License-Identifier: Apache-2.0
//
// Attention on every instruction set against double precision over the values that the cache holds, for every kind of
// cache, odd head sizes and block borders.
#include <cmath>
#include <limits>

#include "quant_testing.hpp"

namespace inferbench::cpu_quant {
namespace {

// Half precision by the rules of IEEE 754, the slow way.
double half_value(uint16_t h) {
  const int exponent = (h >> 10) & 31;
  const double mantissa = (h & 1023) / 1024.0;
  const double magnitude = exponent == 0 ? std::ldexp(mantissa, -14) : std::ldexp(1.0 + mantissa, exponent - 15);
  return (h & 0x8000) != 0 ? -magnitude : magnitude;
}

struct Shape {
  int32_t heads = 1;
  int32_t head_dim = 64;
  int32_t capacity = 100;
  int32_t kv_type = kKvF16;
};

void attend(const KernelTable& kernels, const AttentionArgs& args) {
  (args.n_rows <= kAttentionFewRows ? kernels.attention_few : kernels.attention_many)(&args);
}

// A group's cache and the rows that go in.
class Group {
 public:
  Group(const KernelTable& kernels, const Shape& shape, Random& random)
      : kernels_(kernels),
        shape_(shape),
        cache_(kv_group_bytes(shape.kv_type, shape.capacity, shape.head_dim, shape.heads)),
        scratch_(attention_scratch_bytes(shape.head_dim, shape.capacity, shape.heads)),
        q_(random.normals(int64_t{shape.capacity} * stride(), 2.0F)),
        k_(random.normals(int64_t{shape.capacity} * stride())),
        v_(random.normals(int64_t{shape.capacity} * stride())) {
    std::memset(scratch_.data(), 0xff, static_cast<size_t>(scratch_.size()));  // NaNs: none of them may count
  }

  [[nodiscard]] int32_t columns() const { return shape_.heads * shape_.head_dim; }
  [[nodiscard]] int64_t stride() const { return columns() + 5; }

  [[nodiscard]] AttentionArgs args(int32_t first, int32_t n, std::vector<float>& out) {
    AttentionArgs a = {};
    a.q = q_.data() + first * stride();
    a.k = k_.data() + first * stride();
    a.v = v_.data() + first * stride();
    a.out = out.data();
    a.cache = cache_.data();
    a.scratch = scratch_.data();
    a.q_stride = a.kv_stride = a.out_stride = stride();
    a.n_rows = n;
    a.first_position = first;
    a.head_dim = shape_.head_dim;
    a.group_heads = a.n_heads = shape_.heads;
    a.capacity = shape_.capacity;
    a.kv_type = shape_.kv_type;
    a.scale = 1.0F / std::sqrt(static_cast<float>(shape_.head_dim));
    return a;
  }

  // The same for one head.
  [[nodiscard]] AttentionArgs args_of_head(int32_t head, int32_t first, int32_t n, std::vector<float>& out) {
    AttentionArgs a = args(first, n, out);
    const int32_t column = head * shape_.head_dim;
    a.q += column;
    a.k += column;
    a.v += column;
    a.out += column;
    a.first_head = head;
    a.n_heads = 1;
    return a;
  }

  // Appends rows [first, first + n) and attends with them.
  std::vector<float> step(int32_t first, int32_t n) {
    std::vector<float> out(static_cast<size_t>(n * stride()), 9.0F);
    const AttentionArgs a = args(first, n, out);
    kernels_.kv_append(&a);
    attend(kernels_, a);
    return out;
  }

  [[nodiscard]] double key(int32_t position, int32_t column) const {
    return stored(0, position, column, column % shape_.head_dim * kKvBlock + position % kKvBlock);
  }
  [[nodiscard]] double value(int32_t position, int32_t column) const {
    return stored(kv_keys_bytes(shape_.kv_type, shape_.capacity, shape_.head_dim, shape_.heads), position, column,
                  position % kKvBlock * shape_.head_dim + column % shape_.head_dim);
  }

  // Of a row and a head.
  struct Exact {
    std::vector<double> out;
    std::vector<double> magnitude;  // of the terms that make each element
    double score = 0.0;             // the largest magnitude of the terms that make a score
  };

  // Attention of a row in double precision over what the cache holds, for a head.
  [[nodiscard]] Exact exact(int32_t position, int32_t head) const {
    const int32_t first = head * shape_.head_dim;
    std::vector<double> p(static_cast<size_t>(position) + 1);
    double largest = -1e300;
    Exact r;
    for (int32_t j = 0; j <= position; ++j) {
      double score = 0.0;
      double magnitude = 0.0;
      for (int32_t d = first; d < first + shape_.head_dim; ++d) {
        const double product = double{q_[static_cast<size_t>(position * stride() + d)]} * key(j, d);
        score += product;
        magnitude += std::abs(product);
      }
      r.score = std::max(r.score, magnitude / std::sqrt(static_cast<double>(shape_.head_dim)));
      p[static_cast<size_t>(j)] = score / std::sqrt(static_cast<double>(shape_.head_dim));
      largest = std::max(largest, p[static_cast<size_t>(j)]);
    }
    double sum = 0.0;
    for (double& x : p) sum += x = std::exp(x - largest);
    r.out.resize(static_cast<size_t>(shape_.head_dim));
    r.magnitude.resize(static_cast<size_t>(shape_.head_dim));
    for (int32_t j = 0; j <= position; ++j) {
      for (int32_t d = 0; d < shape_.head_dim; ++d) {
        const double term = p[static_cast<size_t>(j)] / sum * value(j, first + d);
        r.out[static_cast<size_t>(d)] += term;
        r.magnitude[static_cast<size_t>(d)] += std::abs(term);
      }
    }
    return r;
  }

  // Of sums in f32: 5e-6 where they are short; else what as many roundings as a score has terms can do at most.
  [[nodiscard]] double sum_error(const Exact& exact, int32_t d) const {
    if (shape_.head_dim <= 128) return 5e-6;
    return 2.0 * shape_.head_dim * std::ldexp(exact.score, -24) * exact.magnitude[static_cast<size_t>(d)];
  }

  // Whether n rows are attended with in bf16.
  [[nodiscard]] bool is_bf16(int32_t n) const { return kernels_.isa == Isa::Amx && n > kAttentionFewRows; }

  // Rounding to a bf16, whose neighbours are 2^-7 apart at 1, leaves at most 2^-8 of a number: of each probability and
  // value. Queries and keys are two such numbers, which leave 2^-16, and of their products that of the two lower parts,
  // 2^-16, is left out; an error e of the scores is one of 2 e of the probabilities.
  [[nodiscard]] static double bf16_error(const Exact& exact, int32_t d) {
    const double score = exact.score * std::ldexp(3.0, -16);
    return exact.magnitude[static_cast<size_t>(d)] * (std::ldexp(2.0, -8) + 2.0 * score);
  }

  void expect_exact(const std::vector<float>& out, int32_t first, int32_t n) const {
    for (int32_t r = 0; r < n; ++r) {
      for (int32_t head = 0; head < shape_.heads; ++head) {
        const Exact want = exact(first + r, head);
        for (int32_t d = 0; d < shape_.head_dim; ++d) {
          const int64_t at = r * stride() + head * shape_.head_dim + d;
          const double allowed = sum_error(want, d) + (is_bf16(n) ? bf16_error(want, d) : 0.0);
          ASSERT_NEAR(out[static_cast<size_t>(at)], want.out[static_cast<size_t>(d)], allowed)
              << "row " << first + r << " head " << head << " dim " << d << " of " << shape_.head_dim << ", kv "
              << shape_.kv_type;
        }
      }
      for (int64_t d = columns(); d < stride(); ++d) {
        ASSERT_EQ(out[static_cast<size_t>(r * stride() + d)], 9.0F);
      }
    }
  }

  // What was appended came back from the cache within the type's rounding.
  void expect_stored(int32_t n) const {
    for (int32_t j = 0; j < n; ++j) {
      double largest = 0.0;
      for (int32_t d = 0; d < columns(); ++d) {
        largest = std::max(largest, std::abs(double{k_[static_cast<size_t>(j * stride() + d)]}));
        largest = std::max(largest, std::abs(double{v_[static_cast<size_t>(j * stride() + d)]}));
      }
      for (int32_t d = 0; d < columns(); ++d) {
        const double k = k_[static_cast<size_t>(j * stride() + d)];
        const double v = v_[static_cast<size_t>(j * stride() + d)];
        const auto bound = [&](double x) {
          return shape_.kv_type == kKvF32   ? 0.0
                 : shape_.kv_type == kKvF16 ? std::abs(x) / 2048.0 + 3e-8
                                            : largest / 127.0 * 0.501;
        };
        ASSERT_LE(std::abs(key(j, d) - k), bound(k)) << j << " " << d;
        ASSERT_LE(std::abs(value(j, d) - v), bound(v)) << j << " " << d;
      }
    }
  }

  std::vector<float>& keys() { return k_; }
  [[nodiscard]] const Aligned<uint8_t>& cache() const { return cache_; }

 private:
  // An element of a block, times its scale; `base` is where the keys or values begin.
  [[nodiscard]] double stored(int64_t base, int32_t position, int32_t column, int32_t element) const {
    const int32_t block = position / kKvBlock * shape_.heads + column / shape_.head_dim;
    const uint8_t* at = cache_.data() + base + block * kv_block_bytes(shape_.kv_type, shape_.head_dim);
    if (shape_.kv_type == kKvF32) return reinterpret_cast<const float*>(at)[element];
    if (shape_.kv_type == kKvF16) return half_value(reinterpret_cast<const uint16_t*>(at)[element]);
    const auto* scales = reinterpret_cast<const float*>(at + kv_block_scale_offset(shape_.kv_type, shape_.head_dim));
    return reinterpret_cast<const int8_t*>(at)[element] * double{scales[position % kKvBlock]};
  }

  const KernelTable& kernels_;
  Shape shape_;
  Aligned<uint8_t> cache_;
  Aligned<uint8_t> scratch_;
  std::vector<float> q_;
  std::vector<float> k_;
  std::vector<float> v_;
};

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
    group.keys()[static_cast<size_t>(50 * group.stride() + 3)] = std::numeric_limits<float>::quiet_NaN();
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
