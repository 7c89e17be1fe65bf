// SPDX-License-Identifier: Apache-2.0
//
// Products of many rows where they are of bf16: rows against the nearest bf16, products against double precision over
// the numbers that the layouts define. On machines without AMX there are none, and these tests say so.
#include <algorithm>
#include <array>
#include <cmath>
#include <limits>

#include "float_rows.hpp"
#include "product_problem.hpp"
#include "support/required_isa.hpp"

namespace inferbench::cpu_quant {
namespace {

constexpr float kInf = std::numeric_limits<float>::infinity();
constexpr float kNan = std::numeric_limits<float>::quiet_NaN();

float from_bits(uint32_t bits) {
  float r = 0.0F;
  std::memcpy(&r, &bits, sizeof(r));
  return r;
}

// Where two bf16 are equally near.
enum class Halves { ToEven, AwayFromZero };

// The nearest bf16 of a finite number, by comparing its neighbours. Below the smallest normal one: zero.
float nearest_bf16(float x, Halves halves) {
  if (std::abs(x) < std::numeric_limits<float>::min()) return std::copysign(0.0F, x);
  const float inner = from_bits(bits_of(x) & 0xffff0000U);
  const float outer = from_bits((bits_of(x) & 0xffff0000U) + 0x10000U);
  const double to_inner = std::abs(double{x} - inner);
  const double to_outer = std::isinf(outer) ? std::ldexp(1.0, 128) - std::abs(double{x}) : std::abs(double{outer} - x);
  if (to_inner != to_outer) return to_inner < to_outer ? inner : outer;
  const bool inner_is_even = (bits_of(inner) & 0x10000U) == 0;
  return halves == Halves::ToEven && inner_is_even ? inner : outer;
}

class QuantBf16 : public testing::Test {
 protected:
  void SetUp() override {
    kernels_ = select_kernels(Isa::Amx);
    SKIP_WITHOUT_ISA(kernels_ != nullptr, "amx");
    ASSERT_EQ(kernels_->gemm_rows.format, RowFormat::Bf16);
    ASSERT_EQ(kernels_->gemv_rows.format, RowFormat::Quantized);
  }
  [[nodiscard]] const KernelTable& kernels() const { return *kernels_; }
  [[nodiscard]] static const KernelTable& generic() { return *select_kernels(Isa::Generic); }

 private:
  const KernelTable* kernels_ = nullptr;
};

float value_at(const Aligned<uint8_t>& rows, int32_t k, int32_t m, int32_t i) {
  return signed_row_value(RowFormat::Bf16, rows.data() + m * bf16_row_bytes(k), k, i);
}

// Memory in which every float and every bf16 is a NaN.
Aligned<uint8_t> dirty(int64_t n) {
  Aligned<uint8_t> memory(n);
  std::memset(memory.data(), 0xff, static_cast<size_t>(n));
  return memory;
}

// Rows hold the nearest bf16 of x (stride floats between its rows), and zeros from k on.
testing::AssertionResult holds(const Aligned<uint8_t>& rows, const std::vector<float>& x, int64_t stride, int32_t m,
                               int32_t k) {
  for (int32_t r = 0; r < m; ++r) {
    for (int32_t i = 0; i < padded_inputs(k); ++i) {
      const float want = i < k ? nearest_bf16(x[static_cast<size_t>(r * stride + i)], Halves::ToEven) : 0.0F;
      const float got = value_at(rows, k, r, i);
      if (bits_of(got) != bits_of(want)) {
        return testing::AssertionFailure()
               << "row " << r << " of " << k << ", input " << i << ": " << got << ", not " << want;
      }
    }
  }
  return testing::AssertionSuccess();
}

constexpr std::array<int32_t, 12> kWidths = {1, 2, 15, 16, 17, 31, 33, 63, 64, 65, 520, 1030};

TEST_F(QuantBf16, RowsAreTheNearest) {
  Random random(31);
  const int32_t m = 3;
  for (const int32_t k : kWidths) {
    const int64_t stride = k + 5;
    std::vector<float> x = random.normals(m * stride, 3.0F);
    Aligned<uint8_t> rows = dirty(m * bf16_row_bytes(k));
    kernels().gemm_rows.from_floats(x.data(), stride, m, whole_row(k), rows.data());
    ASSERT_TRUE(holds(rows, x, stride, m, k));
  }
}

TEST_F(QuantBf16, RoundingIsDefinedForEveryInput) {
  const std::vector<float> x = {0.0F,
                                -0.0F,
                                1.0F,
                                from_bits(0x3f808000),  // half way, to the even one below
                                from_bits(0x3f818000),  // half way, to the even one above
                                from_bits(0xbf818000),
                                from_bits(0x3f808001),
                                from_bits(0x3f807fff),
                                from_bits(0x3fffffff),  // carries into the exponent
                                3.3e38F,
                                3.4e38F,  // nearest to infinity
                                1e-39F,
                                -1e-42F,
                                1.2e-38F};
  const auto k = static_cast<int32_t>(x.size());
  Aligned<uint8_t> rows = dirty(bf16_row_bytes(k));
  kernels().gemm_rows.from_floats(x.data(), k, 1, whole_row(k), rows.data());
  EXPECT_TRUE(holds(rows, x, k, 1, k));
  const std::vector<float> none = {kNan, kInf, -kInf, from_bits(0x7f800001), from_bits(0xffffffff)};
  kernels().gemm_rows.from_floats(none.data(), 5, 1, whole_row(5), rows.data());
  EXPECT_TRUE(std::isnan(value_at(rows, 5, 0, 0)));
  EXPECT_EQ(value_at(rows, 5, 0, 1), kInf);
  EXPECT_EQ(value_at(rows, 5, 0, 2), -kInf);
  EXPECT_TRUE(std::isnan(value_at(rows, 5, 0, 3)));
  EXPECT_TRUE(std::isnan(value_at(rows, 5, 0, 4)));
}

TEST_F(QuantBf16, PartsMakeTheWholeRow) {
  Random random(32);
  const int32_t m = 2;
  for (const int32_t k : {100, 128, 333}) {
    const std::vector<float> x = random.normals(int64_t{m} * k);
    std::vector<float> in_place = x;
    std::vector<float> activated = x;
    activate_float_rows(activated.data(), k, m, k, kActivationGeluErf);
    Aligned<uint8_t> rows = dirty(m * bf16_row_bytes(k));
    Aligned<uint8_t> activated_rows = dirty(m * bf16_row_bytes(k));
    for (int32_t first = 0; first < k; first += 64) {
      const RowPart part = {k, first, inputs_of(k, first, 64)};
      kernels().gemm_rows.from_floats(x.data() + first, k, m, part, rows.data());
      kernels().gemm_rows.from_activation(in_place.data() + first, k, m, part, kActivationGeluErf, 0,
                                          activated_rows.data());
    }
    ASSERT_TRUE(holds(rows, x, k, m, k));
    ASSERT_TRUE(holds(activated_rows, activated, k, m, k));
  }
}

TEST_F(QuantBf16, NormsAreThoseOfFloatsRounded) {
  Random random(33);
  const int32_t m = 2;
  for (const int32_t k : kWidths) {
    const int64_t stride = k + 3;
    const std::vector<float> x = random.normals(m * stride, 2.0F);
    const std::vector<float> weight = random.normals(k);
    const std::vector<float> bias = random.normals(k);
    for (const float* added : {bias.data(), static_cast<const float*>(nullptr)}) {
      const NormArgs norm = {weight.data(), added, 1e-5F};
      std::vector<float> floats(static_cast<size_t>(m * stride));
      norm_float_rows(x.data(), stride, m, k, norm, floats.data(), stride);
      Aligned<uint8_t> rows = dirty(m * bf16_row_bytes(k));
      kernels().gemm_rows.from_norm(x.data(), stride, m, k, &norm, rows.data());
      ASSERT_TRUE(holds(rows, floats, stride, m, k));
    }
  }
}

TEST_F(QuantBf16, GatedRowsAreThoseOfFloatsRounded) {
  Random random(35);
  const int32_t m = 3;
  for (const int32_t k : kWidths) {
    const int64_t stride = 2 * round_up(k, 16) + 2;
    const std::vector<float> x = random.normals(m * stride, 2.0F);
    std::vector<float> want = x;
    gate_float_rows(want.data(), stride, m, k, kActivationSilu);
    std::vector<float> in_place = x;
    Aligned<uint8_t> rows = dirty(m * bf16_row_bytes(k));
    kernels().gemm_rows.from_gated(in_place.data(), stride, m, whole_row(k), kActivationSilu, rows.data());
    ASSERT_TRUE(holds(rows, want, stride, m, k));
  }
}

TEST_F(QuantBf16, ActivationsAreThoseOfFloatsShiftedAndRounded) {
  Random random(34);
  const int32_t m = 3;
  for (const int32_t k : kWidths) {
    for (const int32_t activation : {kActivationGeluTanh, kActivationGeluErf, kActivationRelu}) {
      for (const int32_t unsigned_rows : {0, 1}) {
        const int64_t stride = k + 2;
        const std::vector<float> x = random.normals(m * stride, 2.0F);
        std::vector<float> want = x;
        activate_float_rows(want.data(), stride, m, k, activation);
        const float shift = activation == kActivationRelu ? kReluShift : kGeluShift;
        for (float& v : want) v = unsigned_rows != 0 ? std::max(v + shift, 0.0F) : v;
        std::vector<float> in_place = x;
        Aligned<uint8_t> rows = dirty(m * bf16_row_bytes(k));
        kernels().gemm_rows.from_activation(in_place.data(), stride, m, whole_row(k), activation, unsigned_rows,
                                            rows.data());
        ASSERT_TRUE(holds(rows, want, stride, m, k)) << activation;
        for (int32_t r = 0; r < m; ++r) {  // what lies between rows is not touched
          ASSERT_TRUE(same_bits(in_place.data() + r * stride + k, x.data() + r * stride + k, 2));
        }
      }
    }
  }
}

// Weights, rows, bias and what C holds before, and C as it must be.
class Product {
 public:
  Product(const KernelTable& kernels, const Problem& p, Random& random)
      : kernels_(kernels),
        p_(p),
        weights_(p.int4 ? packed_i4(p.n, p.k, p.weights, random)
                        : packed_i8(p.n, p.k, p.weights, p.unsigned_rows, random)),
        rows_(dirty(p.m * bf16_row_bytes(p.k))),
        bias_(random.normals(p.n)),
        before_(random.normals(p.m * ldc())) {
    std::vector<float> x = random.normals(int64_t{p.m} * p.k);
    if (p.unsigned_rows) {
      kernels.gemm_rows.from_activation(x.data(), p.k, p.m, whole_row(p.k), kActivationGeluTanh, 1, rows_.data());
    } else {
      kernels.gemm_rows.from_floats(x.data(), p.k, p.m, whole_row(p.k), rows_.data());
    }
  }

  // Elements between rows of C beyond n must stay as they are.
  [[nodiscard]] int64_t ldc() const { return p_.n + 3; }

  // All of C, in parts that begin and end at any row and tile.
  [[nodiscard]] std::vector<float> result() const {
    std::vector<float> c = before_;
    const MatmulArgs args = {weights_.data(),
                             rows_.data(),
                             c.data(),
                             ldc(),
                             p_.bias ? bias_.data() : nullptr,
                             p_.m,
                             p_.n,
                             p_.k,
                             p_.accumulate ? 1 : 0,
                             p_.unsigned_rows ? 1 : 0};
    Aligned<uint8_t> scratch = dirty(gemm_scratch_bytes(p_.k));
    const auto gemm = p_.int4 ? kernels_.gemm_i4 : kernels_.gemm_i8;
    const int32_t tiles = n_tiles(p_.n);
    const int32_t split = p_.m / 3;
    gemm(&args, 0, tiles, 0, split, scratch.data());
    gemm(&args, 0, tiles / 2, split, p_.m, scratch.data());
    gemm(&args, tiles / 2, tiles, split, p_.m, scratch.data());
    return c;
  }

  // The sums are of f32 in an order that the instruction has: k + 4 roundings of numbers no larger than that of all
  // magnitudes.
  void expect_exact(const std::vector<float>& c) const {
    for (int32_t m = 0; m < p_.m; ++m) {
      for (int64_t n = 0; n < ldc(); ++n) {
        const auto at = static_cast<size_t>(m * ldc() + n);
        if (n >= p_.n) {
          ASSERT_EQ(c[at], before_[at]);
          continue;
        }
        const auto channel = static_cast<int32_t>(n);
        const double scale = p_.int4 ? 1.0 : double{scale_at(i8_scale_offset(p_.k, channel))};
        double sum = (p_.accumulate ? double{before_[at]} : 0.0) + (p_.bias ? bias_[static_cast<size_t>(n)] : 0.0);
        double magnitude = std::abs(sum);
        for (int32_t i = 0; i < p_.k; ++i) {
          const double product = scale * weight(channel, i) * value_at(rows_, p_.k, m, i);
          sum += product;
          magnitude += std::abs(product);
        }
        ASSERT_NEAR(c[at], sum, (p_.k + 4) * std::ldexp(magnitude, -24))
            << text_of(p_) << ", row " << m << " channel " << n;
      }
    }
  }

 private:
  [[nodiscard]] float scale_at(int64_t at) const {
    float r = 0.0F;
    std::memcpy(&r, weights_.data() + at, sizeof(r));
    return r;
  }
  // Without int8's scale of the channel.
  [[nodiscard]] double weight(int32_t channel, int32_t i) const {
    if (!p_.int4) {
      const int32_t w = weight_i8(weights_.data(), p_.k, channel, i, p_.unsigned_rows);
      return nearest_bf16(static_cast<float>(w * weights_[i8_multiplier_offset(p_.k, channel, i)]),
                          Halves::AwayFromZero);
    }
    const float scale = scale_at(i4_scale_offset(p_.k, channel, i / kSuperBlock));
    const auto multiplier = static_cast<float>(multiplier_i4(weights_.data(), p_.k, channel, i));
    const auto code = static_cast<float>(code_i4(weights_.data(), p_.k, channel, i));
    return nearest_bf16((code - 8.0F) * (multiplier * scale), Halves::AwayFromZero);
  }

  const KernelTable& kernels_;
  Problem p_;
  Aligned<uint8_t> weights_;
  Aligned<uint8_t> rows_;
  std::vector<float> bias_;
  std::vector<float> before_;
};

class QuantBf16Products : public QuantBf16 {
 protected:
  void check(const Problem& of_any_kind, Random& random) const {
    for (const Problem& p : of_every_kind(of_any_kind)) {
      const Product product(kernels(), p, random);
      product.expect_exact(product.result());
      if (HasFatalFailure()) return;
    }
  }
};

TEST_F(QuantBf16Products, EveryRowCount) {
  Random random(41);
  for (int32_t m = 1; m <= 70; ++m) check({.m = m, .n = 52, .k = 96}, random);
}

TEST_F(QuantBf16Products, EveryTailOfTheInputs) {
  Random random(42);
  for (int32_t k = 1; k <= 140; ++k) {
    check({.m = 9, .n = 20, .k = k}, random);
    check({.m = 5, .n = 16, .k = 512 + k}, random);
  }
}

TEST_F(QuantBf16Products, EveryTailOfTheChannels) {
  Random random(43);
  for (int32_t n = 1; n <= 130; ++n) {
    check({.m = 1 + n % 40, .n = n, .k = 64, .bias = n % 2 == 0, .accumulate = n % 3 == 0}, random);
  }
}

TEST_F(QuantBf16Products, RandomShapes) {
  Random random(44);
  for (int i = 0; i < 20; ++i) check(any_problem(100, random), random);
}

TEST_F(QuantBf16Products, ExtremeWeights) {
  Random random(45);
  for (const Fill weights : {Fill::Largest, Fill::Smallest, Fill::Zero}) {
    check({.m = 33, .n = 40, .k = 600, .weights = weights}, random);
  }
}

// As of quantized rows: what is no number stays in its row.
TEST_F(QuantBf16Products, NotANumberReachesEveryChannelOfItsRowOnly) {
  Random random(46);
  const int32_t k = 300;
  const Aligned<uint8_t> weights = packed_i8(50, k, Fill::Largest, false, random);
  for (const float bad : {kNan, kInf}) {
    std::vector<float> x = random.normals(int64_t{20} * k);
    x[size_t{17} * static_cast<size_t>(k) + 290] = bad;
    Aligned<uint8_t> rows = dirty(20 * bf16_row_bytes(k));
    kernels().gemm_rows.from_floats(x.data(), k, 20, whole_row(k), rows.data());
    std::vector<float> c(1000);
    Aligned<uint8_t> scratch = dirty(gemm_scratch_bytes(k));
    const MatmulArgs args = {weights.data(), rows.data(), c.data(), 50, nullptr, 20, 50, k, 0, 0};
    kernels().gemm_i8(&args, 0, n_tiles(50), 0, 20, scratch.data());
    for (size_t i = 0; i < c.size(); ++i) EXPECT_EQ(!std::isfinite(c[i]), i / 50 == 17) << i;
  }
}

}  // namespace
}  // namespace inferbench::cpu_quant
