// SPDX-License-Identifier: Apache-2.0
//
// The row kernels: every instruction set equals generic bit for bit; generic is held against double precision.
#include <cmath>
#include <functional>
#include <limits>

#include "float_rows.hpp"
#include "quant_testing.hpp"

namespace inferbench::cpu_quant {
namespace {

constexpr float kNan = std::numeric_limits<float>::quiet_NaN();
constexpr float kInf = std::numeric_limits<float>::infinity();

const std::vector<int32_t>& widths() {
  static const std::vector<int32_t> kAll = {1,   2,   7,   15,  16,  17,  31,  48,  63,  64,  65,
                                            100, 255, 256, 257, 300, 511, 512, 513, 768, 1600};
  return kAll;
}

class QuantRows : public OnEveryIsa {
 protected:
  // quantize_rows of both tables on the same rows, which are returned.
  [[nodiscard]] Aligned<uint8_t> quantize(const std::vector<float>& x, int32_t m, int32_t k) const {
    Aligned<uint8_t> mine(m * quantized_row_bytes(k));
    Aligned<uint8_t> theirs(m * quantized_row_bytes(k));
    const auto stride = static_cast<int64_t>(x.size()) / m;
    std::memset(mine.data(), 0x5a, static_cast<size_t>(mine.size()));
    kernels().gemv_rows.from_floats(x.data(), stride, m, whole_row(k), mine.data());
    generic().gemv_rows.from_floats(x.data(), stride, m, whole_row(k), theirs.data());
    EXPECT_TRUE(same_rows(mine.data(), theirs.data(), m, k)) << k;
    return mine;
  }
};

// A quantized row, piece by piece.
struct Row {
  const uint8_t* base;
  int32_t k;
  [[nodiscard]] int32_t q(int32_t i, bool is_unsigned) const {
    return is_unsigned ? int32_t{base[i]} : int32_t{static_cast<int8_t>(base[i])};
  }
  [[nodiscard]] int32_t half(int32_t h) const { return reinterpret_cast<const int16_t*>(base + row_half_offset(k))[h]; }
  [[nodiscard]] float scale(int32_t g) const { return reinterpret_cast<const float*>(base + row_scale_offset(k))[g]; }
  [[nodiscard]] int32_t offset(int32_t g) const {
    return reinterpret_cast<const int32_t*>(base + row_sum_offset(k))[g];
  }
};

// Each value within half a step of what it stands for (x, or max(x + shift, 0)), the largest of a group at its end of
// the range, sums exact, zeros behind.
void expect_nearest(const Row& row, const float* x, bool is_unsigned, float shift) {
  for (int32_t g = 0; g < n_groups(row.k); ++g) {
    int32_t largest = 0;
    int32_t sum = 0;
    for (int32_t i = g * kScaleGroup; i < g * kScaleGroup + inputs_of(row.k, g * kScaleGroup, kScaleGroup); ++i) {
      const float value = is_unsigned ? std::max(x[i] + shift, 0.0F) : x[i];
      const int32_t q = row.q(i, is_unsigned);
      ASSERT_LE(std::abs(double{row.scale(g)} * q - value), 0.5001 * row.scale(g)) << row.k << " " << i;
      largest = std::max(largest, std::abs(q));
      sum += q;
    }
    ASSERT_EQ(largest, is_unsigned ? 255 : 127);
    ASSERT_EQ(row.offset(g), is_unsigned ? 0 : -128 * sum);
  }
  for (int32_t h = 0; h < padded_inputs(row.k) / kHalfGroup; ++h) {
    int32_t sum = 0;
    for (int32_t i = h * kHalfGroup; i < (h + 1) * kHalfGroup; ++i) sum += row.q(i, false);
    ASSERT_EQ(row.half(h), is_unsigned ? 0 : -8 * sum);
  }
  for (int32_t i = row.k; i < padded_inputs(row.k); ++i) ASSERT_EQ(row.base[i], 0);
}

TEST_P(QuantRows, QuantizationIsNearestAndItsSumsAreExact) {
  Random random(11);
  for (const int32_t k : widths()) {
    const std::vector<float> x = random.normals(int64_t{3} * (k + 5), 3.0F);
    const Aligned<uint8_t> rows = quantize(x, 3, k);
    for (int32_t r = 0; r < 3; ++r) {
      expect_nearest({rows.data() + r * quantized_row_bytes(k), k}, x.data() + r * (k + 5), false, 0.0F);
    }
  }
}

TEST_P(QuantRows, UnsignedRowsStandForTheActivationPlusItsShift) {
  Random random(16);
  for (const int32_t k : widths()) {
    for (const int32_t activation : {kActivationGeluTanh, kActivationGeluErf, kActivationRelu}) {
      std::vector<float> x = random.normals(k, 2.0F);
      for (int32_t i = 0; i < k; i += kScaleGroup) x[static_cast<size_t>(i)] = 1.0F;  // ReLU leaves no group at zero
      std::vector<float> activated = x;
      std::vector<float> copy = x;
      activate_float_rows(activated.data(), k, 1, k, activation);
      Aligned<uint8_t> mine(quantized_row_bytes(k));
      Aligned<uint8_t> theirs(quantized_row_bytes(k));
      kernels().gemv_rows.from_activation(x.data(), k, 1, whole_row(k), activation, 1, mine.data());
      generic().gemv_rows.from_activation(copy.data(), k, 1, whole_row(k), activation, 1, theirs.data());
      ASSERT_TRUE(same_rows(mine.data(), theirs.data(), 1, k)) << k;
      const float shift = activation == kActivationRelu ? kReluShift : kGeluShift;
      expect_nearest({mine.data(), k}, activated.data(), true, shift);
    }
  }
}

// Parts in any order are the row, whatever its length leaves for the last.
TEST_P(QuantRows, PartsMakeTheWholeRow) {
  Random random(19);
  constexpr int32_t kRows = 2;
  for (const int32_t k : {1, 64, 65, 100, 768, 1500}) {
    for (const int32_t size : {64, 192, 640}) {
      const std::vector<float> x = random.normals(int64_t{kRows} * k, 2.0F);
      std::vector<float> scratch = x;
      Aligned<uint8_t> plain(kRows * quantized_row_bytes(k));
      Aligned<uint8_t> activated(kRows * quantized_row_bytes(k));
      for (int32_t first = (k - 1) / size * size; first >= 0; first -= size) {
        const RowPart part = {k, first, std::min(size, k - first)};
        kernels().gemv_rows.from_floats(x.data() + first, k, kRows, part, plain.data());
        kernels().gemv_rows.from_activation(scratch.data() + first, k, kRows, part, kActivationGeluTanh, 1,
                                            activated.data());
      }
      EXPECT_TRUE(same_rows(plain.data(), quantize(x, kRows, k).data(), kRows, k)) << k << " by " << size;
      Aligned<uint8_t> whole(kRows * quantized_row_bytes(k));
      scratch = x;
      kernels().gemv_rows.from_activation(scratch.data(), k, kRows, whole_row(k), kActivationGeluTanh, 1, whole.data());
      EXPECT_TRUE(same_rows(activated.data(), whole.data(), kRows, k)) << k << " by " << size;
    }
  }
}

TEST_P(QuantRows, QuantizationIsDefinedForEveryInput) {
  const int32_t k = 768;
  std::vector<float> x(static_cast<size_t>(k), 1.0F);
  for (const float bad : {kNan, -kNan, kInf, -kInf}) {
    x[300] = bad;
    const Aligned<uint8_t> rows = quantize(x, 1, k);
    const Row row = {rows.data(), k};
    for (int32_t g = 0; g < n_groups(k); ++g) {
      EXPECT_EQ(std::isnan(row.scale(g)), g == 300 / kScaleGroup);
      EXPECT_EQ(row.q(g * kScaleGroup, false), g == 300 / kScaleGroup ? 0 : 127);
      EXPECT_EQ(row.offset(g), g == 300 / kScaleGroup ? 0 : -128 * 127 * kScaleGroup);
    }
    std::vector<float> mine = x;
    Aligned<uint8_t> shifted(quantized_row_bytes(k));
    kernels().gemv_rows.from_activation(mine.data(), k, 1, whole_row(k), kActivationGeluTanh, 1, shifted.data());
    const Row row_shifted = {shifted.data(), k};
    EXPECT_EQ(row_shifted.q(0, true), 255);
    EXPECT_EQ(std::isnan(row_shifted.scale(300 / kScaleGroup)), bad != -kInf);  // GELU(-infinity) = 0
    EXPECT_FALSE(std::isnan(row_shifted.scale(0)));
  }
  for (const float tiny : {0.0F, -0.0F, 1e-38F, 1e-42F, 9e-31F}) {
    const Aligned<uint8_t> rows = quantize(std::vector<float>(static_cast<size_t>(k), tiny), 1, k);
    EXPECT_EQ((Row{rows.data(), k}.scale(1)), 0.0F);
    EXPECT_EQ(rows[5], 0);
  }
  for (const float large : {3e38F, -3e38F, 1e-29F}) {
    const Aligned<uint8_t> rows = quantize(std::vector<float>(static_cast<size_t>(k), large), 1, k);
    EXPECT_EQ(static_cast<int8_t>(rows[5]), large > 0.0F ? 127 : -127);
  }
}

// The norm of a row by its definition.
std::vector<double> exact_norm(const float* x, int32_t k, const NormArgs& norm) {
  double mean = 0.0;
  double variance = 0.0;
  for (int32_t i = 0; i < k && norm.bias != nullptr; ++i) mean += double{x[i]} / k;
  for (int32_t i = 0; i < k; ++i) variance += (x[i] - mean) * (x[i] - mean) / k;
  std::vector<double> out(static_cast<size_t>(k));
  for (int32_t i = 0; i < k; ++i) {
    out[static_cast<size_t>(i)] =
        (x[i] - mean) / std::sqrt(variance + norm.epsilon) * norm.weight[i] + (norm.bias == nullptr ? 0 : norm.bias[i]);
  }
  return out;
}

TEST_P(QuantRows, NormsAreThoseOfDoublePrecision) {
  Random random(12);
  for (const int32_t k : widths()) {
    const int32_t m = 2;
    const int64_t stride = k + 3;
    std::vector<float> x = random.normals(m * stride, 2.0F);
    for (float& v : x) v += 5.0F;
    const std::vector<float> weight = random.normals(k);
    const std::vector<float> bias = random.normals(k);
    for (const float* added : {bias.data(), static_cast<const float*>(nullptr)}) {
      const NormArgs norm = {weight.data(), added, 1e-5F};
      std::vector<float> floats(static_cast<size_t>(m * stride));
      norm_float_rows(x.data(), stride, m, k, norm, floats.data(), stride);
      for (int32_t r = 0; r < m; ++r) {
        const std::vector<double> exact = exact_norm(x.data() + r * stride, k, norm);
        for (int32_t i = 0; i < k; ++i) {
          const double want = exact[static_cast<size_t>(i)];
          // One element has no variance: its mean rounds to itself exactly.
          ASSERT_NEAR(floats[static_cast<size_t>(r * stride + i)], want, 4e-6 * (1.0 + std::abs(want)))
              << k << " " << i;
        }
      }
      Aligned<uint8_t> fused(m * quantized_row_bytes(k));
      Aligned<uint8_t> apart(m * quantized_row_bytes(k));
      kernels().gemv_rows.from_norm(x.data(), stride, m, k, &norm, fused.data());
      generic().gemv_rows.from_floats(floats.data(), stride, m, whole_row(k), apart.data());
      ASSERT_TRUE(same_rows(fused.data(), apart.data(), m, k)) << k;
    }
  }
}

TEST_P(QuantRows, AddNormAddsTheNorm) {
  Random random(17);
  for (const int32_t k : widths()) {
    const int32_t m = 2;
    const std::vector<float> y = random.normals(m * (k + 3), 2.0F);
    const std::vector<float> weight = random.normals(k);
    const NormArgs norm = {weight.data(), nullptr, 1e-6F};
    std::vector<float> floats(static_cast<size_t>(m * k));
    norm_float_rows(y.data(), k + 3, m, k, norm, floats.data(), k);
    std::vector<float> x = random.normals(m * (k + 5));
    std::vector<float> want = x;
    for (int32_t i = 0; i < m * k; ++i)
      want[static_cast<size_t>(i / k * (k + 5) + i % k)] += floats[static_cast<size_t>(i)];
    kernels().add_norm(y.data(), k + 3, m, k, &norm, x.data(), k + 5);
    ASSERT_TRUE(same_bits(x.data(), want.data(), static_cast<int64_t>(x.size()))) << k;
  }
}

TEST_P(QuantRows, SoftCapKeepsItsErrorBound) {
  std::vector<float> x;
  for (float v = -300.0F; v < 300.0F; v += 0.0137F) x.push_back(v);
  for (const float v : {0.0F, -0.0F, 1e-30F, -1e-41F, 3e38F, -3e38F, kInf, -kInf}) x.push_back(v);
  for (const float cap : {30.0F, 50.0F}) {
    std::vector<float> mine = x;
    std::vector<float> theirs = x;
    const auto n = static_cast<int32_t>(x.size());
    kernels().soft_cap(mine.data(), n, cap);
    generic().soft_cap(theirs.data(), n, cap);
    ASSERT_TRUE(same_bits(mine.data(), theirs.data(), n));
    for (size_t i = 0; i < x.size(); ++i) {
      const double want = cap * std::tanh(double{x[i]} / cap);
      ASSERT_NEAR(mine[i], want, 4e-7 * std::abs(want) + 1e-37) << x[i];
    }
  }
  std::vector<float> none = {kNan, 1.0F};
  kernels().soft_cap(none.data(), 2, 30.0F);
  EXPECT_TRUE(std::isnan(none[0]));
}

double gelu_tanh_exact(double x) {
  return 0.5 * x * (1.0 + std::tanh(std::sqrt(2.0 / M_PI) * (x + 0.044715 * x * x * x)));
}

double gelu_erf_exact(double x) {
  return 0.5 * x * std::erfc(-x / std::sqrt(2.0));
}

double silu_exact(double x) {
  return x / (1.0 + std::exp(-x));
}

constexpr int32_t kActivations[] = {kActivationGeluTanh, kActivationGeluErf, kActivationRelu, kActivationSilu};

/// x = activation(x), as from_activation leaves it.
void activate(const KernelTable& kernels, std::vector<float>& x, int32_t activation) {
  const auto n = static_cast<int32_t>(x.size());
  Aligned<uint8_t> rows(quantized_row_bytes(n));
  kernels.gemv_rows.from_activation(x.data(), n, 1, whole_row(n), activation, 0, rows.data());
}

TEST_P(QuantRows, ActivationsKeepTheirErrorBounds) {
  std::vector<float> x;
  for (float v = -40.0F; v < 40.0F; v += 0.00173F) x.push_back(v);
  for (const float v : {0.0F, -0.0F, 1e-30F, -1e-30F, 1e-41F, 3e38F, -3e38F, 1e20F, -1e15F}) x.push_back(v);
  const auto n = static_cast<int32_t>(x.size());
  const std::function<double(double)> exact[] = {gelu_tanh_exact, gelu_erf_exact,
                                                 [](double v) { return v > 0.0 ? v : 0.0; }, silu_exact};
  for (const int32_t activation : kActivations) {
    std::vector<float> mine = x;
    std::vector<float> theirs = x;
    activate(kernels(), mine, activation);
    activate_float_rows(theirs.data(), n, 1, n, activation);
    ASSERT_TRUE(same_bits(mine.data(), theirs.data(), n)) << activation;
    const double bound = activation == kActivationRelu ? 0.0 : 4e-7;
    for (size_t i = 0; i < x.size(); ++i) {
      ASSERT_LE(std::abs(mine[i] - exact[activation](x[i])), bound * std::max(1.0, double{x[i]}))
          << activation << " of " << x[i];
    }
  }
}

TEST_P(QuantRows, ActivationsOfNoNumberAreDefined) {
  for (const int32_t activation : kActivations) {
    std::vector<float> x = {kNan, kInf, -kInf};
    std::vector<float> theirs = x;
    activate(kernels(), x, activation);
    activate_float_rows(theirs.data(), 3, 1, 3, activation);
    EXPECT_TRUE(same_bits(x.data(), theirs.data(), 3));
    EXPECT_TRUE(std::isnan(x[0]));
    EXPECT_EQ(x[2], 0.0F);
    EXPECT_FALSE(x[1] < kInf);  // infinity, or a NaN where the formula multiplies it by 0
  }
}

TEST_P(QuantRows, FusedActivationEqualsItsTwoSteps) {
  Random random(13);
  for (const int32_t k : widths()) {
    for (const int32_t activation : kActivations) {
      const int32_t m = 3;
      const int64_t stride = k + 2;
      const std::vector<float> x = random.normals(m * stride, 2.0F);
      std::vector<float> activated = x;
      activate_float_rows(activated.data(), stride, m, k, activation);
      Aligned<uint8_t> apart(m * quantized_row_bytes(k));
      generic().gemv_rows.from_floats(activated.data(), stride, m, whole_row(k), apart.data());
      std::vector<float> in_place = x;
      Aligned<uint8_t> fused(m * quantized_row_bytes(k));
      kernels().gemv_rows.from_activation(in_place.data(), stride, m, whole_row(k), activation, 0, fused.data());
      ASSERT_TRUE(same_rows(fused.data(), apart.data(), m, k)) << k;
      for (int32_t r = 0; r < m; ++r) {  // what lies between rows is not touched
        ASSERT_TRUE(same_bits(in_place.data() + r * stride + k, x.data() + r * stride + k, 2));
      }
    }
  }
}

// Gates and ups by sixteens.
TEST_P(QuantRows, GatedRowsAreActivationTimesUp) {
  Random random(18);
  for (const int32_t k : widths()) {
    for (const int32_t activation : kActivations) {
      const int32_t m = 3;
      const int64_t columns = 2 * round_up(k, 16);
      const int64_t stride = columns + 2;
      const std::vector<float> x = random.normals(m * stride, 2.0F);
      std::vector<float> want = x;
      gate_float_rows(want.data(), stride, m, k, activation);
      for (int32_t r = 0; r < m; ++r) {
        std::vector<float> gates;
        for (int32_t i = 0; i < k; ++i) gates.push_back(x[static_cast<size_t>(r * stride + i / 16 * 32 + i % 16)]);
        activate_float_rows(gates.data(), k, 1, k, activation);
        for (int32_t i = 0; i < k; ++i) {
          const float up = x[static_cast<size_t>(r * stride + i / 16 * 32 + 16 + i % 16)];
          ASSERT_EQ(want[static_cast<size_t>(r * stride + i)], gates[static_cast<size_t>(i)] * up) << k << " " << i;
        }
      }
      Aligned<uint8_t> apart(m * quantized_row_bytes(k));
      generic().gemv_rows.from_floats(want.data(), stride, m, whole_row(k), apart.data());
      std::vector<float> in_place = x;
      Aligned<uint8_t> fused(m * quantized_row_bytes(k));
      kernels().gemv_rows.from_gated(in_place.data(), stride, m, whole_row(k), activation, fused.data());
      ASSERT_TRUE(same_rows(fused.data(), apart.data(), m, k)) << k;
      for (int32_t r = 0; r < m; ++r) {  // what lies between rows is not touched
        ASSERT_TRUE(same_bits(in_place.data() + r * stride + columns, x.data() + r * stride + columns, 2));
      }
    }
  }
}

TEST_P(QuantRows, ArgmaxIsTheLowestIndexOfTheLargest) {
  Random random(15);
  for (int32_t n = 1; n < 100; ++n) {
    std::vector<float> x = random.normals(n);
    for (float& v : x) v = std::round(v * 2.0F);  // many equal ones
    int32_t best = 0;
    for (int32_t i = 1; i < n; ++i) best = x[static_cast<size_t>(i)] > x[static_cast<size_t>(best)] ? i : best;
    ASSERT_EQ(kernels().argmax(x.data(), n), best) << n;
  }
  EXPECT_EQ(kernels().argmax(std::vector<float>{kNan, -5.0F, kNan, -4.0F, kNan}.data(), 5), 3);
  EXPECT_EQ(kernels().argmax(std::vector<float>{kNan, kNan}.data(), 2), 0);
  EXPECT_EQ(kernels().argmax(std::vector<float>{kNan, -kInf, -kInf}.data(), 3), 1);
}

INSTANTIATE_TEST_SUITE_P(Isas, QuantRows,
                         testing::Values(Isa::Generic, Isa::Avx2, Isa::AvxVnni, Isa::Avx512Vnni, Isa::Amx), isa_name);

}  // namespace
}  // namespace inferbench::cpu_quant
