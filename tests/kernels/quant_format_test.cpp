// SPDX-License-Identifier: Apache-2.0
// Quantized and packed weights: what comes back from the layout is near what went in, for every dtype, orientation and
// tail.
#include <gtest/gtest.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>
#include <limits>
#include <random>
#include <vector>

#include "formats/pack.hpp"
#include "formats/quantize.hpp"
#include "kernels/int5.h"
#include "support/required_isa.hpp"

namespace inferbench::cpu_quant {
namespace {

struct Case {
  WeightFormat format;
  std::int32_t dtype;
  bool channels_are_rows;
  std::int32_t n;
  std::int32_t k;
};

// A 64-byte aligned, poisoned buffer: what packing leaves unwritten shows.
struct Packed {
  explicit Packed(std::int64_t bytes) : storage(static_cast<std::size_t>(bytes) + 64, 0xa5) {
    const auto address = reinterpret_cast<std::uintptr_t>(storage.data());
    data = storage.data() + (64 - address % 64) % 64;
  }
  std::vector<std::uint8_t> storage;
  std::uint8_t* data;
};

float float_at(const std::uint8_t* at) {
  float value = 0;
  std::memcpy(&value, at, sizeof value);
  return value;
}

// The weight that the layout of kernels.h says is at (channel, input).
float unpacked(const Case& c, const std::uint8_t* packed, std::int32_t channel, std::int32_t input) {
  if (c.format == WeightFormat::Int5) {
    const int low = packed[i5_code_offset(c.k, channel, input)] >> i4_shift(input) & 15;
    const int fifth = packed[i5_fifth_offset(c.k, channel, input)] >> i5_fifth_shift(input) & 1;
    const int multiplier = (packed[i5_multiplier_offset(c.k, channel, input)] >> i4_shift(input) & 15) + 1;
    return float_at(packed + i5_scale_offset(c.k, channel, input / kSuperBlock)) *
           static_cast<float>(multiplier * (low + 16 * fifth - 16));
  }
  if (c.format == WeightFormat::Int4) {
    const int shift = i4_shift(input);
    const int code = packed[i4_code_offset(c.k, channel, input)] >> shift & 15;
    const int multiplier = (packed[i4_multiplier_offset(c.k, channel, input)] >> shift & 15) + 1;
    return float_at(packed + i4_scale_offset(c.k, channel, input / kSuperBlock)) *
           static_cast<float>(multiplier * (code - 8));
  }
  const std::uint8_t byte = packed[i8_weight_offset(c.k, channel, input)];
  const int value = c.format == WeightFormat::Int8 ? byte - 128 : static_cast<std::int8_t>(byte);
  const int multiplier = packed[i8_multiplier_offset(c.k, channel, input)];
  return float_at(packed + i8_scale_offset(c.k, channel)) * static_cast<float>(multiplier * value);
}

std::vector<float> random_weights(const Case& c) {
  std::mt19937 random(static_cast<unsigned>(c.n * 1000 + c.k));
  std::normal_distribution<float> normal(0.0F, 0.05F);
  std::vector<float> weights(static_cast<std::size_t>(c.n) * static_cast<std::size_t>(c.k));
  for (float& weight : weights) {
    const auto bits = std::bit_cast<std::uint32_t>(normal(random)) & 0xffff0000U;  // exact in BF16
    weight = std::bit_cast<float>(bits);
  }
  return weights;
}

// In the case's dtype and orientation; F16 has a test of its own.
std::vector<std::uint8_t> stored(const Case& c, const std::vector<float>& weights) {
  const std::size_t size = c.dtype == IB_DTYPE_F32 ? 4 : 2;
  std::vector<std::uint8_t> bytes(weights.size() * size);
  for (std::int32_t channel = 0; channel < c.n; ++channel) {
    for (std::int32_t input = 0; input < c.k; ++input) {
      const float weight = weights[static_cast<std::size_t>(std::int64_t{channel} * c.k + input)];
      const auto at = static_cast<std::size_t>(c.channels_are_rows ? channel * c.k + input : input * c.n + channel);
      const auto upper = static_cast<std::uint16_t>(std::bit_cast<std::uint32_t>(weight) >> 16);
      if (c.dtype == IB_DTYPE_F32) std::memcpy(&bytes[at * 4], &weight, 4);
      if (c.dtype == IB_DTYPE_BF16) std::memcpy(&bytes[at * 2], &upper, 2);
    }
  }
  return bytes;
}

// A matrix of those bytes.
WeightMatrix matrix_of(const Case& c, const void* data) {
  const bool by_rows = c.channels_are_rows;
  return {{{data, c.dtype, c.n, c.k, by_rows ? c.k : 1, by_rows ? 1 : c.n}}, false};
}

class QuantFormat : public testing::TestWithParam<Case> {};

TEST_P(QuantFormat, PackedWeightsAreNearTheGivenOnes) {
  const Case c = GetParam();
  const std::vector<float> weights = random_weights(c);
  const std::vector<std::uint8_t> bytes = stored(c, weights);
  const WeightMatrix matrix = matrix_of(c, bytes.data());
  Packed packed(packed_bytes(c.format, c.n, c.k));
  std::vector<float> sums(static_cast<std::size_t>(n_tiles(c.n) * kTile));
  const std::int32_t half = n_tiles(c.n) / 2;  // two calls, as two threads would
  pack_tiles(matrix, c.format, 0, half, packed.data, sums.data());
  pack_tiles(matrix, c.format, half, n_tiles(c.n), packed.data, sums.data() + half * kTile);

  double error = 0;
  double power = 0;
  for (std::int32_t channel = 0; channel < c.n; ++channel) {
    double sum = 0;
    for (std::int32_t input = 0; input < c.k; ++input) {
      const double exact = weights[static_cast<std::size_t>(std::int64_t{channel} * c.k + input)];
      const double found = unpacked(c, packed.data, channel, input);
      error += (exact - found) * (exact - found);
      power += exact * exact;
      sum += found;
    }
    EXPECT_NEAR(sums[static_cast<std::size_t>(channel)], sum, 1e-4 * (1 + std::fabs(sum))) << channel;
  }
  // Uniform error within a step: of 127 steps to the largest of 32 (about 2.1 deviations), or of 7.5 or 15.5 to that of
  // 16.
  const double bound = c.format == WeightFormat::Int4 ? 0.085 : c.format == WeightFormat::Int5 ? 0.0425 : 0.0055;
  EXPECT_LE(std::sqrt(error / power), bound);
  if (c.k > 1) {
    EXPECT_GT(error, 0);  // a single weight is exact
  }
}

TEST_P(QuantFormat, PaddingIsNeutral) {
  const Case c = GetParam();
  const std::vector<std::uint8_t> bytes = stored(c, random_weights(c));
  const WeightMatrix matrix = matrix_of(c, bytes.data());
  Packed packed(packed_bytes(c.format, c.n, c.k));
  pack_tiles(matrix, c.format, 0, n_tiles(c.n), packed.data, nullptr);
  for (std::int32_t channel = c.n; channel < n_tiles(c.n) * kTile; ++channel) {
    for (std::int32_t input = 0; input < c.k; ++input) {
      ASSERT_EQ(unpacked(c, packed.data, channel, input), 0.0F) << channel << ", " << input;
    }
  }
  const bool has_codes = c.format == WeightFormat::Int4 || c.format == WeightFormat::Int5;
  const std::int32_t unit = has_codes ? kScaleGroup : 4;
  for (std::int32_t channel = 0; channel < c.n; ++channel) {
    for (std::int32_t input = c.k; input < round_up(c.k, unit); ++input) {
      if (input % kSuperBlock == 0) break;
      ASSERT_EQ(unpacked(c, packed.data, channel, input), 0.0F) << channel << ", " << input;
    }
  }
}

constexpr WeightFormat kAllFormats[] = {WeightFormat::Int8, WeightFormat::Int8Signed, WeightFormat::Int4,
                                        WeightFormat::Int5};

std::vector<Case> all_cases() {
  std::vector<Case> cases;
  for (const WeightFormat format : kAllFormats) {
    for (const std::int32_t k : {1, 5, 31, 48, 128, 130, 256, 300, 768})
      cases.push_back({format, IB_DTYPE_F32, false, 70, k});
    for (const std::int32_t n : {1, 15, 16, 64, 65, 200}) cases.push_back({format, IB_DTYPE_BF16, true, n, 96});
    cases.push_back({format, IB_DTYPE_F32, true, 33, 640});
    cases.push_back({format, IB_DTYPE_BF16, false, 33, 640});
  }
  return cases;
}

INSTANTIATE_TEST_SUITE_P(All, QuantFormat, testing::ValuesIn(all_cases()));

TEST(QuantFormat, ExtremeWeightsMakeNoGarbage) {
  for (const WeightFormat format : kAllFormats) {
    const Case c{format, IB_DTYPE_F32, true, 16, 64};
    std::vector<float> weights(16 * 64, 0.0F);
    const auto fill = [&](int channel, float value) { std::fill_n(weights.begin() + channel * 64, 64, value); };
    fill(1, std::numeric_limits<float>::max());
    fill(2, std::numeric_limits<float>::denorm_min());
    fill(3, -1e-30F);
    weights[4 * 64] = std::numeric_limits<float>::infinity();
    weights[5 * 64 + 63] = std::numeric_limits<float>::quiet_NaN();
    fill(6, -0.0F);
    fill(7, 1.0F);
    weights[7 * 64 + 1] = -1e6F;  // an outlier in the same group
    Packed packed(packed_bytes(format, 16, 64));
    pack_tiles(matrix_of(c, weights.data()), format, 0, 1, packed.data, nullptr);
    for (std::int32_t input = 0; input < 64; ++input) {
      EXPECT_EQ(unpacked(c, packed.data, 0, input), 0.0F);
      EXPECT_NEAR(unpacked(c, packed.data, 2, input), 0.0F, 1e-37F);
      EXPECT_NEAR(unpacked(c, packed.data, 3, input), -1e-30F, 1e-30F);
      EXPECT_EQ(unpacked(c, packed.data, 6, input), 0.0F);
      EXPECT_NEAR(unpacked(c, packed.data, 7, input), input == 1 ? -1e6F : 0.0F, 2e5F);
      // Inside a channel that is not finite, everything is NaN, and nothing elsewhere.
      EXPECT_TRUE(std::isnan(unpacked(c, packed.data, 4, input)));
      EXPECT_TRUE(std::isnan(unpacked(c, packed.data, 5, input)));
    }
    if (format == WeightFormat::Int8 || format == WeightFormat::Int8Signed) {
      EXPECT_NEAR(unpacked(c, packed.data, 1, 0) / std::numeric_limits<float>::max(), 1.0F, 1e-2F);
    }
  }
}

/// Calls check(weights, trial) with super-blocks from denormal to large, now and then with a group of zeros or an
/// outlier.
template <class F>
void for_super_blocks(F check) {
  std::mt19937 random(7);
  std::normal_distribution<float> normal;
  const auto below = [&](std::uint_fast32_t n) { return random() % n; };
  alignas(64) float weights[kSuperBlock];
  for (int trial = 0; trial < 300; ++trial) {
    const float size = std::pow(10.0F, static_cast<float>(below(58)) - 42.0F);
    for (float& weight : weights) weight = size * normal(random);
    const auto group = below(kSuperBlock / kScaleGroup) * kScaleGroup;
    if (trial % 3 == 0) std::fill_n(weights + group, trial % 2 == 0 ? kHalfGroup : kScaleGroup, 0.0F);
    if (trial % 5 == 0) weights[below(kSuperBlock)] *= 1000.0F;
    check(weights, trial);
  }
}

template <class Block>
void expect_same_bits(const Block& a, const Block& b, int trial) {
  // NOLINTNEXTLINE(bugprone-suspicious-memory-comparison): the same bits
  ASSERT_EQ(std::memcmp(&a, &b, sizeof(a)), 0) << "super-block " << trial;
}

TEST(QuantFormat, QuantizedTheSameInWideAndNarrowRegisters) {
  SKIP_WITHOUT_ISA(__builtin_cpu_supports("avx2") != 0, "avx2");
  for_super_blocks([](const float* weights, int trial) {
    for (const auto quantize : {&Quantizer::int4, &Quantizer::int5}) {
      CodeBlock wide{};
      CodeBlock narrow{};
      (kWideQuantizer.*quantize)(weights, wide);
      (kNarrowQuantizer.*quantize)(weights, narrow);
      expect_same_bits(wide, narrow, trial);
    }
    float most = 0.0F;
    for (int i = 0; i < kSuperBlock; ++i) most = std::max(most, std::fabs(weights[i]));
    for (const float of_channel : {1.0F, 3.0F, 300.0F}) {  // other super-blocks may have larger weights
      Int8Block wide{};
      Int8Block narrow{};
      kWideQuantizer.int8(weights, int8_channel_scale(of_channel * most), wide);
      kNarrowQuantizer.int8(weights, int8_channel_scale(of_channel * most), narrow);
      expect_same_bits(wide, narrow, trial);
    }
  });
}

// What the bytes were when weights were quantized one by one, in plain code: 64-bit FNV-1a of a matrix whose weights
// only have exact operations behind them.
TEST(QuantFormat, PackedBytesStayWhatTheyWere) {
  std::uint32_t state = 1;
  const Case c{WeightFormat::Int8, IB_DTYPE_BF16, true, 64, 896};
  std::vector<std::uint16_t> weights(static_cast<std::size_t>(c.n) * static_cast<std::size_t>(c.k));
  for (std::uint16_t& weight : weights) {
    std::int32_t sum = -(2 << 24);
    for (int i = 0; i < 4; ++i) {
      state = state * 1664525U + 1013904223U;
      sum += static_cast<std::int32_t>(state >> 8U);
    }
    weight = static_cast<std::uint16_t>(std::bit_cast<std::uint32_t>(static_cast<float>(sum) * 0x1p-28F) >> 16U);
  }
  const auto digest_of = [&](WeightFormat format) {
    Packed packed(packed_bytes(format, c.n, c.k));
    pack_tiles(matrix_of(c, weights.data()), format, 0, n_tiles(c.n), packed.data, nullptr);
    std::uint64_t digest = 14695981039346656037ULL;
    for (std::int64_t i = 0; i < packed_bytes(format, c.n, c.k); ++i) {
      digest = (digest ^ packed.data[i]) * 1099511628211ULL;
    }
    return digest;
  };
  EXPECT_EQ(digest_of(WeightFormat::Int8), 0x762c0b3f0847f1c1ULL);
  EXPECT_EQ(digest_of(WeightFormat::Int4), 0x968f44822f5db277ULL);
  EXPECT_EQ(digest_of(WeightFormat::Int5), 0x56c3d66b3e5ef66cULL);
}

TEST(QuantFormat, SameBitsWhateverTheOrientation) {
  for (const WeightFormat format : kAllFormats) {
    const Case rows{format, IB_DTYPE_F32, true, 40, 300};
    const Case columns{format, IB_DTYPE_F32, false, 40, 300};
    const std::vector<float> weights = random_weights(rows);
    const std::vector<std::uint8_t> a = stored(rows, weights);
    const std::vector<std::uint8_t> b = stored(columns, weights);
    const std::int64_t bytes = packed_bytes(format, 40, 300);
    Packed from_rows(bytes);
    Packed from_columns(bytes);
    pack_tiles(matrix_of(rows, a.data()), format, 0, n_tiles(40), from_rows.data, nullptr);
    pack_tiles(matrix_of(columns, b.data()), format, 0, n_tiles(40), from_columns.data, nullptr);
    EXPECT_EQ(std::memcmp(from_rows.data, from_columns.data, static_cast<std::size_t>(bytes)), 0);
  }
}

// Parts of a matrix, each from a tile of its own on, are the same bytes as packed alone, whichever way they are stored.
TEST(QuantFormat, PartsAreTheirTiles) {
  for (const WeightFormat format : kAllFormats) {
    for (const bool interleaved : {false, true}) {
      const std::vector<Case> cases = {{format, IB_DTYPE_BF16, true, 150, 300},
                                       {format, IB_DTYPE_F32, false, interleaved ? 150 : 33, 300}};
      std::vector<std::vector<std::uint8_t>> bytes;
      WeightMatrix matrix;
      matrix.interleaved = interleaved;
      for (const Case& c : cases) {
        bytes.push_back(stored(c, random_weights(c)));
        matrix.parts.push_back(matrix_of(c, bytes.back().data()).parts.front());
      }
      const std::int64_t tile_bytes = packed_tile_bytes(format, 300);
      Packed packed(matrix.n_tiles() * tile_bytes);
      std::vector<float> sums(static_cast<std::size_t>(matrix.n_tiles() * kTile), -1.0F);
      for (std::int32_t tile = 0; tile < matrix.n_tiles(); tile += 7) {  // items may begin anywhere
        const std::int32_t end = std::min(tile + 7, matrix.n_tiles());
        pack_tiles(matrix, format, tile, end, packed.data, sums.data() + tile * kTile);
      }
      EXPECT_EQ(matrix.n_tiles(), n_tiles(cases[0].n) + n_tiles(cases[1].n));
      for (std::size_t part = 0; part < 2; ++part) {
        const Case& c = cases[part];
        Packed alone(packed_bytes(format, c.n, c.k));
        std::vector<float> its_sums(static_cast<std::size_t>(n_tiles(c.n) * kTile), -1.0F);
        pack_tiles(matrix_of(c, bytes[part].data()), format, 0, n_tiles(c.n), alone.data, its_sums.data());
        for (std::int32_t t = 0; t < n_tiles(c.n); ++t) {
          const std::int32_t at = matrix.first_tile(part) + (interleaved ? 2 * t : t);
          EXPECT_EQ(std::memcmp(packed.data + at * tile_bytes, alone.data + t * tile_bytes,
                                static_cast<std::size_t>(tile_bytes)),
                    0)
              << "tile " << t << " of part " << part;
          EXPECT_TRUE(
              std::equal(sums.begin() + at * kTile, sums.begin() + (at + 1) * kTile, its_sums.begin() + t * kTile));
        }
      }
    }
  }
}

}  // namespace
}  // namespace inferbench::cpu_quant
