// SPDX-License-Identifier: Apache-2.0
//
// int5 weights: the products of every instruction set against sums of 64-bit integers taken from the packed bytes
// through the layout's index functions, bit for bit.
#include <kernels/int5.h>

#include <cmath>

#include "quant_testing.hpp"

namespace inferbench::cpu_quant {
namespace {

// n x k int5 weights, packed, with random scales. Largest: all codes 31, multipliers 16; smallest: codes 0.
Aligned<uint8_t> packed_i5(int32_t n, int32_t k, Fill fill, Random& random) {
  Aligned<uint8_t> packed(i5_bytes(n, k));
  const bool extreme = fill == Fill::Largest || fill == Fill::Smallest;
  for (int32_t channel = 0; channel < n_tiles(n) * kTile; ++channel) {
    for (int32_t b = 0; b < n_super_blocks(k); ++b) {
      put_float(packed.data() + i5_scale_offset(k, channel, b), channel < n ? 0.01F + 0.001F * random.normal() : 0.0F);
    }
    for (int32_t i = 0; i < round_up(k, kScaleGroup); ++i) {
      const bool exists = channel < n && i < k;
      const int32_t code = !exists || fill == Fill::Zero ? 16
                           : fill == Fill::Random        ? random.integer(0, 31)
                           : fill == Fill::Largest       ? 31
                                                         : 0;
      packed[i5_code_offset(k, channel, i)] |= static_cast<uint8_t>((code & 15) << i4_shift(i));
      packed[i5_fifth_offset(k, channel, i)] |= static_cast<uint8_t>((code >> 4) << i5_fifth_shift(i));
      if (exists && i % kHalfGroup == 0) {
        const int32_t multiplier = extreme ? 15 : random.integer(0, 15);
        packed[i5_multiplier_offset(k, channel, i)] |= static_cast<uint8_t>(multiplier << i4_shift(i));
      }
    }
  }
  return packed;
}

// The integer value of a packed weight, its multiplier included.
int32_t weight_i5(const uint8_t* packed, int32_t k, int32_t channel, int32_t i) {
  const int32_t low = (packed[i5_code_offset(k, channel, i)] >> i4_shift(i)) & 15;
  const int32_t fifth = (packed[i5_fifth_offset(k, channel, i)] >> i5_fifth_shift(i)) & 1;
  return (((packed[i5_multiplier_offset(k, channel, i)] >> i4_shift(i)) & 15) + 1) * (low + 16 * fifth - 16);
}

struct Int5Problem {
  int32_t m = 1;
  int32_t n = 16;
  int32_t k = 256;
  bool bias = true;
  bool accumulate = false;
  Fill weights = Fill::Random;
  Fill activations = Fill::Random;
};

// Any 8-bit values with the sums that belong to them.
void fill_row(const Int5Problem& p, uint8_t* base, Random& random) {
  auto* half = reinterpret_cast<int16_t*>(base + row_half_offset(p.k));
  auto* scale = reinterpret_cast<float*>(base + row_scale_offset(p.k));
  for (int32_t g = 0; g < n_groups(p.k); ++g) scale[g] = 0.02F + 0.001F * random.normal();
  for (int32_t i = 0; i < p.k; ++i) {
    const int32_t q = p.activations == Fill::Random     ? random.integer(-127, 127)
                      : p.activations == Fill::Largest  ? 127
                      : p.activations == Fill::Smallest ? -127
                                                        : 0;
    base[i] = static_cast<uint8_t>(q);
    half[i / kHalfGroup] = static_cast<int16_t>(half[i / kHalfGroup] - 8 * q);
  }
}

float scale_at(const Aligned<uint8_t>& bytes, int64_t at) {
  float r = 0.0F;
  std::memcpy(&r, bytes.data() + at, sizeof(r));
  return r;
}

class QuantInt5 : public OnEveryIsa {
 protected:
  void check(const Int5Problem& p, Random& random) const {
    const Aligned<uint8_t> weights = packed_i5(p.n, p.k, p.weights, random);
    Aligned<uint8_t> rows(p.m * quantized_row_bytes(p.k));
    for (int32_t m = 0; m < p.m; ++m) fill_row(p, rows.data() + m * quantized_row_bytes(p.k), random);
    const std::vector<float> bias = random.normals(p.n);
    const int64_t ldc = p.n + 3;  // what lies between rows of C must stay as it is
    const std::vector<float> before = random.normals(p.m * ldc);
    std::vector<float> want = before;
    for (int32_t m = 0; m < p.m; ++m) {
      const uint8_t* row = rows.data() + m * quantized_row_bytes(p.k);
      for (int32_t n = 0; n < p.n; ++n) {
        float& out = want[static_cast<size_t>(m * ldc + n)];
        const float start = (p.accumulate ? out : 0.0F) + (p.bias ? bias[static_cast<size_t>(n)] : 0.0F);
        out = product(p, weights, row, n) + start;
      }
    }
    std::vector<float> c = before;
    const MatmulArgs args = {weights.data(),
                             rows.data(),
                             c.data(),
                             ldc,
                             p.bias ? bias.data() : nullptr,
                             p.m,
                             p.n,
                             p.k,
                             p.accumulate ? 1 : 0,
                             0};
    const int32_t middle = n_tiles(p.n) / 2;
    int5_kernels(kernels().isa).gemv(&args, middle, n_tiles(p.n));
    int5_kernels(kernels().isa).gemv(&args, 0, middle);
    EXPECT_TRUE(same_bits(c.data(), want.data(), static_cast<int64_t>(c.size())))
        << p.m << " x " << p.n << " x " << p.k;
  }

 private:
  static float product(const Int5Problem& p, const Aligned<uint8_t>& weights, const uint8_t* row, int32_t n) {
    const auto* scale = reinterpret_cast<const float*>(row + row_scale_offset(p.k));
    float y = 0.0F;
    for (int32_t g = 0; g < n_groups(p.k); ++g) {
      int64_t sum = 0;
      const int32_t first = g * kScaleGroup;
      for (int32_t i = first; i < first + inputs_of(p.k, first, kScaleGroup); ++i) {
        sum += int64_t{weight_i5(weights.data(), p.k, n, i)} * static_cast<int8_t>(row[i]);
      }
      y = std::fma(static_cast<float>(sum), scale[g] * scale_at(weights, i5_scale_offset(p.k, n, first / kSuperBlock)),
                   y);
    }
    return y;
  }
};

TEST_P(QuantInt5, EveryRowCount) {
  Random random(51);
  for (int32_t m = 1; m <= kMaxGemvRows; ++m) check({.m = m, .n = 77, .k = 320}, random);
}

TEST_P(QuantInt5, EveryTailOfTheInputs) {
  Random random(52);
  for (int32_t k = 1; k <= 140; ++k) {
    check({.m = 1 + k % 8, .n = 20, .k = k}, random);
    check({.m = 1 + k % 7, .n = 16, .k = 512 + k}, random);
  }
}

TEST_P(QuantInt5, EveryTailOfTheChannels) {
  Random random(53);
  for (int32_t n = 1; n <= 70; ++n) {
    check({.m = 1 + n % 8, .n = n, .k = 96, .bias = n % 2 == 0, .accumulate = n % 3 == 0}, random);
  }
}

TEST_P(QuantInt5, ExtremeValuesNeitherOverflowNorSaturate) {
  Random random(54);
  for (const Fill weights : {Fill::Largest, Fill::Smallest, Fill::Zero}) {
    for (const Fill activations : {Fill::Largest, Fill::Smallest, Fill::Zero}) {
      for (const int32_t m : {1, 3, 4, 8}) {
        check({.m = m, .n = 40, .k = 600, .weights = weights, .activations = activations}, random);
      }
    }
  }
}

TEST_P(QuantInt5, RowsComeBackFromThePackedMatrix) {
  Random random(55);
  const int32_t k = 300;
  const std::vector<float> add = random.normals(k);
  const Aligned<uint8_t> packed = packed_i5(37, k, Fill::Random, random);
  for (const int32_t channel : {0, 1, 16, 36}) {
    std::vector<float> out(static_cast<size_t>(k));
    int5_kernels(kernels().isa).dequantize_row(packed.data(), k, channel, add.data(), out.data());
    for (int32_t i = 0; i < k; ++i) {
      const float weight = static_cast<float>(weight_i5(packed.data(), k, channel, i)) *
                           scale_at(packed, i5_scale_offset(k, channel, i / kSuperBlock));
      EXPECT_EQ(out[static_cast<size_t>(i)], weight + add[static_cast<size_t>(i)]);
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Isas, QuantInt5,
                         testing::Values(Isa::Generic, Isa::Avx2, Isa::AvxVnni, Isa::Avx512Vnni, Isa::Amx), isa_name);

TEST(QuantInt5Layout, PiecesFillTheBytesWithoutOverlap) {
  for (const int32_t k : {1, 4, 31, 32, 33, 127, 128, 129, 255, 256, 300, 768}) {
    std::vector<int> used(static_cast<size_t>(i5_tile_bytes(k)));  // the bits of each byte
    for (int32_t channel = 0; channel < kTile; ++channel) {
      for (int32_t b = 0; b < n_super_blocks(k); ++b) {
        for (int64_t j = 0; j < 4; ++j) used.at(static_cast<size_t>(i5_scale_offset(k, channel, b) + j)) += 255;
      }
      for (int32_t i = 0; i < round_up(k, kScaleGroup); ++i) {
        used.at(static_cast<size_t>(i5_code_offset(k, channel, i))) += 15 << i4_shift(i);
        used.at(static_cast<size_t>(i5_fifth_offset(k, channel, i))) += 1 << i5_fifth_shift(i);
        if (i % kHalfGroup == 0) used.at(static_cast<size_t>(i5_multiplier_offset(k, channel, i))) += 15 << i4_shift(i);
      }
    }
    for (const int uses : used) EXPECT_TRUE(uses == 255 || uses == 0) << uses;  // 0: padding of multipliers
    EXPECT_EQ(i5_tile_bytes(k) % 64, 0);
    EXPECT_EQ(i5_bytes(17, k), 2 * i5_tile_bytes(k));
  }
  EXPECT_EQ(i5_tile_bytes(768), 3 * (128 + 8 * 320 + 64));
}

}  // namespace
}  // namespace inferbench::cpu_quant
