// SPDX-License-Identifier: Apache-2.0
//
// The integer products: every instruction set, gemv and gemm, int8 and int4, against sums of 64-bit integers taken from
// the packed bytes through the layout's index functions. All equal bit for bit, but gemm on AMX: quant_bf16_test.cpp.
#include <cmath>
#include <limits>

#include "product_problem.hpp"

namespace inferbench::cpu_quant {
namespace {

// Weights, quantized rows, bias and what C holds before, and C as it must be.
class Case {
 public:
  Case(const Problem& p, Random& random)
      : p_(p),
        weights_(p.int4 ? packed_i4(p.n, p.k, p.weights, random)
                        : packed_i8(p.n, p.k, p.weights, p.unsigned_rows, random)),
        rows_(p.m * quantized_row_bytes(p.k)),
        bias_(random.normals(p.n)),
        before_(random.normals(p.m * ldc())) {
    for (int32_t m = 0; m < p.m; ++m) fill_row(m, random);
  }

  // Elements between rows of C beyond n must stay as they are.
  [[nodiscard]] int64_t ldc() const { return p_.n + 3; }
  [[nodiscard]] const std::vector<float>& before() const { return before_; }

  [[nodiscard]] MatmulArgs args(std::vector<float>& c) const {
    MatmulArgs a = {};
    a.weights = weights_.data();
    a.rows = rows_.data();
    a.c = c.data();
    a.ldc = ldc();
    a.bias = p_.bias ? bias_.data() : nullptr;
    a.m = p_.m;
    a.n = p_.n;
    a.k = p_.k;
    a.accumulate = p_.accumulate ? 1 : 0;
    a.unsigned_rows = p_.unsigned_rows ? 1 : 0;
    return a;
  }

  [[nodiscard]] std::vector<float> expected() const {
    std::vector<float> c = before_;
    for (int32_t m = 0; m < p_.m; ++m) {
      for (int32_t n = 0; n < p_.n; ++n) {
        float y = 0.0F;
        for (int32_t g = 0; g < n_groups(p_.k); ++g) {
          y = std::fma(static_cast<float>(exact_dot(m, n, g)), row_scale(m)[g] * factor(n, g), y);
        }
        float& out = c[static_cast<size_t>(m * ldc() + n)];
        const float start = (p_.accumulate ? out : 0.0F) + (p_.bias ? bias_[static_cast<size_t>(n)] : 0.0F);
        out = std::fma(y, p_.int4 ? 1.0F : weight_scale(i8_scale_offset(p_.k, n)), start);
      }
    }
    return c;
  }

 private:
  [[nodiscard]] const uint8_t* row(int32_t m) const { return rows_.data() + m * quantized_row_bytes(p_.k); }
  [[nodiscard]] const float* row_scale(int32_t m) const {
    return reinterpret_cast<const float*>(row(m) + row_scale_offset(p_.k));
  }
  [[nodiscard]] float weight_scale(int64_t at) const {
    float r = 0.0F;
    std::memcpy(&r, weights_.data() + at, sizeof(r));
    return r;
  }
  [[nodiscard]] float factor(int32_t n, int32_t g) const {
    if (!p_.int4) return static_cast<float>(weights_[i8_multiplier_offset(p_.k, n, g * kScaleGroup)]);
    return weight_scale(i4_scale_offset(p_.k, n, g * kScaleGroup / kSuperBlock));
  }
  [[nodiscard]] int32_t activation(int32_t m, int32_t i) const {
    return p_.unsigned_rows ? int32_t{row(m)[i]} : int32_t{static_cast<int8_t>(row(m)[i])};
  }
  [[nodiscard]] int64_t exact_dot(int32_t m, int32_t n, int32_t g) const {
    int64_t sum = 0;
    for (int32_t i = g * kScaleGroup; i < g * kScaleGroup + inputs_of(p_.k, g * kScaleGroup, kScaleGroup); ++i) {
      const int32_t w =
          p_.int4 ? weight_i4(weights_.data(), p_.k, n, i) : weight_i8(weights_.data(), p_.k, n, i, p_.unsigned_rows);
      sum += int64_t{w} * activation(m, i);
    }
    return sum;
  }

  // Any 8-bit values with the sums that belong to them.
  void fill_row(int32_t m, Random& random) {
    uint8_t* base = rows_.data() + m * quantized_row_bytes(p_.k);
    auto* half = reinterpret_cast<int16_t*>(base + row_half_offset(p_.k));
    auto* scale = reinterpret_cast<float*>(base + row_scale_offset(p_.k));
    auto* offset = reinterpret_cast<int32_t*>(base + row_sum_offset(p_.k));
    const int32_t largest = p_.unsigned_rows ? 255 : 127;
    const int32_t smallest = p_.unsigned_rows ? 0 : -127;
    for (int32_t g = 0; g < n_groups(p_.k); ++g) scale[g] = 0.02F + 0.001F * random.normal();
    for (int32_t i = 0; i < p_.k; ++i) {
      const int32_t q = p_.activations == Fill::Random     ? random.integer(smallest, largest)
                        : p_.activations == Fill::Largest  ? largest
                        : p_.activations == Fill::Smallest ? smallest
                                                           : 0;
      base[i] = static_cast<uint8_t>(q);
      if (p_.unsigned_rows) continue;
      half[i / kHalfGroup] = static_cast<int16_t>(half[i / kHalfGroup] - 8 * q);
      offset[i / kScaleGroup] -= 128 * q;
    }
  }

  Problem p_;
  Aligned<uint8_t> weights_;
  Aligned<uint8_t> rows_;
  std::vector<float> bias_;
  std::vector<float> before_;
};

void expect_gemv(const KernelTable& kernels, const Problem& p, const Case& problem) {
  std::vector<float> c = problem.before();
  const MatmulArgs args = problem.args(c);
  const int32_t middle = n_tiles(p.n) / 2;
  const auto gemv = p.int4 ? kernels.gemv_i4 : kernels.gemv_i8;
  gemv(&args, middle, n_tiles(p.n));
  gemv(&args, 0, middle);
  EXPECT_TRUE(same_bits(c.data(), problem.expected().data(), static_cast<int64_t>(c.size()))) << "gemv " << text_of(p);
}

void expect_gemm(const KernelTable& kernels, const Problem& p, const Case& problem) {
  std::vector<float> c = problem.before();
  const MatmulArgs args = problem.args(c);
  Aligned<uint8_t> scratch(gemm_scratch_bytes(p.k));
  const auto gemm = p.int4 ? kernels.gemm_i4 : kernels.gemm_i8;
  const auto part = [&](int32_t tile_begin, int32_t tile_end, int32_t row_begin, int32_t row_end) {
    gemm(&args, tile_begin, tile_end, row_begin, row_end, scratch.data());
  };
  const int32_t split = p.m / 3;
  part(0, n_tiles(p.n), 0, split);
  part(0, n_tiles(p.n) / 2, split, p.m);
  part(n_tiles(p.n) / 2, n_tiles(p.n), split, p.m);
  EXPECT_TRUE(same_bits(c.data(), problem.expected().data(), static_cast<int64_t>(c.size()))) << "gemm " << text_of(p);
}

class QuantMatmul : public OnEveryIsa {
 protected:
  void check(const Problem& of_any_kind, Random& random) const {
    for (const Problem& p : of_every_kind(of_any_kind)) {
      const Case problem(p, random);
      if (p.m <= kMaxGemvRows) expect_gemv(kernels(), p, problem);
      if (kernels().gemm_rows.format == RowFormat::Quantized) expect_gemm(kernels(), p, problem);
    }
  }
};

TEST_P(QuantMatmul, EveryRowCount) {
  Random random(1);
  for (int32_t m = 1; m <= 20; ++m) check({.m = m, .n = 77, .k = 320}, random);
}

TEST_P(QuantMatmul, EveryTailOfTheInputs) {
  Random random(2);
  for (int32_t k = 1; k <= 140; ++k) {
    check({.m = 1 + k % 8, .n = 20, .k = k}, random);
    check({.m = 1 + k % 9, .n = 16, .k = 512 + k}, random);
  }
}

TEST_P(QuantMatmul, EveryTailOfTheChannels) {
  Random random(3);
  for (int32_t n = 1; n <= 130; ++n) {
    check({.m = 1 + n % 13, .n = n, .k = 96, .bias = n % 2 == 0, .accumulate = n % 3 == 0}, random);
  }
}

TEST_P(QuantMatmul, RandomShapes) {
  Random random(4);
  for (int i = 0; i < 25; ++i) check(any_problem(50, random), random);
}

TEST_P(QuantMatmul, ExtremeValuesNeitherOverflowNorSaturate) {
  Random random(5);
  for (const Fill weights : {Fill::Largest, Fill::Smallest, Fill::Zero}) {
    for (const Fill activations : {Fill::Largest, Fill::Smallest, Fill::Zero}) {
      for (const int32_t m : {1, 4, 8, 11}) {
        check({.m = m, .n = 40, .k = 600, .weights = weights, .activations = activations}, random);
      }
    }
  }
}

TEST_P(QuantMatmul, NotANumberInTheScaleReachesEveryChannelOfItsRowOnly) {
  Random random(6);
  const int32_t k = 300;
  const Aligned<uint8_t> weights = packed_i8(50, k, Fill::Random, false, random);
  for (const float bad : {std::numeric_limits<float>::quiet_NaN(), std::numeric_limits<float>::infinity()}) {
    std::vector<float> x = random.normals(int64_t{3} * k);
    x[static_cast<size_t>(k) + 290] = bad;
    Aligned<uint8_t> rows(3 * quantized_row_bytes(k));
    kernels().gemv_rows.from_floats(x.data(), k, 3, whole_row(k), rows.data());
    std::vector<float> c(150);
    const MatmulArgs args = {weights.data(), rows.data(), c.data(), 50, nullptr, 3, 50, k, 0, 0};
    kernels().gemv_i8(&args, 0, n_tiles(50));
    for (size_t i = 0; i < c.size(); ++i) EXPECT_EQ(std::isnan(c[i]), i / 50 == 1) << i;
  }
}

TEST_P(QuantMatmul, RowsComeBackFromThePackedMatrix) {
  Random random(8);
  const int32_t k = 300;
  const std::vector<float> position = random.normals(k);
  const Aligned<uint8_t> i8 = packed_i8(37, k, Fill::Random, false, random);
  const Aligned<uint8_t> i4 = packed_i4(37, k, Fill::Random, random);
  for (const int32_t channel : {0, 1, 16, 36}) {
    std::vector<float> out8(static_cast<size_t>(k));
    std::vector<float> out4(static_cast<size_t>(k));
    kernels().dequantize_row_i8(i8.data(), k, channel, position.data(), out8.data());
    kernels().dequantize_row_i4(i4.data(), k, channel, nullptr, out4.data());
    for (int32_t i = 0; i < k; ++i) {
      float scale8 = 0.0F;
      float scale4 = 0.0F;
      std::memcpy(&scale8, i8.data() + i8_scale_offset(k, channel), sizeof(scale8));
      std::memcpy(&scale4, i4.data() + i4_scale_offset(k, channel, i / kSuperBlock), sizeof(scale4));
      const auto at = static_cast<size_t>(i);
      const int32_t value = weight_i8(i8.data(), k, channel, i, false) * i8[i8_multiplier_offset(k, channel, i)];
      const float weight = static_cast<float>(value) * scale8;
      EXPECT_EQ(out8[at], weight + position[at]);
      EXPECT_EQ(out4[at], static_cast<float>(weight_i4(i4.data(), k, channel, i)) * scale4);
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Isas, QuantMatmul,
                         testing::Values(Isa::Generic, Isa::Avx2, Isa::AvxVnni, Isa::Avx512Vnni, Isa::Amx), isa_name);

TEST(QuantLayout, PiecesFillTheBytesWithoutOverlap) {
  for (const int32_t k : {1, 4, 31, 32, 33, 127, 128, 129, 255, 256, 300, 768}) {
    std::vector<int> used8(static_cast<size_t>(i8_tile_bytes(k)));
    std::vector<int> used4(static_cast<size_t>(i4_tile_bytes(k)));
    for (int32_t channel = 0; channel < kTile; ++channel) {
      for (int64_t j = 0; j < 4; ++j) {
        ++used8.at(static_cast<size_t>(i8_scale_offset(k, channel) + j));
        for (int32_t b = 0; b < n_super_blocks(k); ++b) {
          used4.at(static_cast<size_t>(i4_scale_offset(k, channel, b) + j)) += 256;
        }
      }
      for (int32_t i = 0; i < k; ++i) {
        ++used8.at(static_cast<size_t>(i8_weight_offset(k, channel, i)));
        used4.at(static_cast<size_t>(i4_code_offset(k, channel, i))) += 1 << i4_shift(i);
        if (i % kScaleGroup == 0) ++used8.at(static_cast<size_t>(i8_multiplier_offset(k, channel, i)));
        if (i % kHalfGroup == 0) used4.at(static_cast<size_t>(i4_multiplier_offset(k, channel, i))) += 1 << i4_shift(i);
      }
    }
    for (const int uses : used8) EXPECT_LE(uses, 1);
    for (const int uses : used4) EXPECT_TRUE(uses == 256 || (uses < 32 && (uses & 15) <= 1)) << uses;
    EXPECT_EQ(i8_bytes(17, k), 2 * i8_tile_bytes(k));
    EXPECT_EQ(i4_tile_bytes(k) % 64, 0);
    EXPECT_EQ(i8_tile_bytes(k) % 64, 0);
  }
  EXPECT_EQ(i8_tile_bytes(768), 6 * (64 + 2048) + 64);
  EXPECT_EQ(i4_tile_bytes(768), 3 * (128 + 2048 + 64));
}

}  // namespace
}  // namespace inferbench::cpu_quant
