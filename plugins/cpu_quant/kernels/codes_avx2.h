// SPDX-License-Identifier: Apache-2.0
//
// What the AVX2 products with int4 and int5 weights share: multipliers, and where a row has the sums of its halves.
#pragma once

#include "matmul_avx2.h"

namespace {

// Multipliers of a group for 8 channels, in 16-bit numbers: of its first half and of its second half (both numbers of a
// channel alike), and of the first half next to the second.
struct Multipliers {
  __m256i low;
  __m256i high;
  __m256i pair;

  explicit Multipliers(const uint8_t* p) {
    const __m256i twice = _mm256_setr_epi8(0, -1, 0, -1, 1, -1, 1, -1, 2, -1, 2, -1, 3, -1, 3, -1,  //
                                           4, -1, 4, -1, 5, -1, 5, -1, 6, -1, 6, -1, 7, -1, 7, -1);
    long long eight = 0;
    __builtin_memcpy(&eight, p, sizeof(eight));
    const __m256i nibbles = _mm256_shuffle_epi8(_mm256_set1_epi64x(eight), twice);
    const __m256i one = _mm256_set1_epi16(1);
    low = _mm256_add_epi16(_mm256_and_si256(nibbles, _mm256_set1_epi16(15)), one);
    high = _mm256_add_epi16(_mm256_srli_epi16(nibbles, 4), one);
    pair = _mm256_blend_epi16(low, high, 0xaa);
  }
};

struct HalvesAt : GroupAt {
  int64_t half;

  HalvesAt(int32_t k, int32_t g) : GroupAt(k, g), half(anew(row_half_offset(k) + int64_t{g} * 4)) {}
};

// A tile for a block of kFirst rows and one of kSecond, group by group. Format: kGroupBytes, tile_bytes(k),
// super_block_bytes(inputs), and add_group(codes, multipliers, factors, first, second, k, g, y), which adds a group's
// products to y of both halves of the tile, first the first block's rows.
template <class Format>
struct TileOf {
  const MatmulArgs& args;
  int32_t tile;

  template <int kFirst, int kSecond>
  void run(int32_t row) const {
    const uint8_t* block = args.weights + tile * Format::tile_bytes(args.k);
    const RowPointers<kFirst> first(args, row);
    const RowPointers<at_least_one(kSecond)> second(args, row + (kSecond > 0 ? kFirst : 0));
    __m256 y[2][count(kFirst + kSecond)];
    for (auto& half : y) {
      for (__m256& sum : half) sum = _mm256_setzero_ps();
    }
    int32_t g = 0;
    for (int32_t b = 0; b < n_super_blocks(args.k); ++b) {
      const int32_t inputs = super_block_inputs(args.k, b);
      const int32_t end = g + n_groups(inputs);
      const uint8_t* multipliers = block;
      const uint8_t* codes = block + i4_multiplier_bytes(inputs);
      block += Format::super_block_bytes(inputs);
      const auto* factors = reinterpret_cast<const float*>(block - kScaleBytes);
      for (; g < end; ++g, codes += Format::kGroupBytes, multipliers += kTile) {
        Format::template add_group<kFirst, kSecond>(codes, multipliers, factors, first, second, args.k, g, y);
      }
    }
    for (int half = 0; half < 2; ++half) {
      for (int m = 0; m < kFirst + kSecond; ++m) {
        store_result(args, tile * kTile + 8 * half, row + m, y[half][m], _mm256_set1_ps(1.0F));
      }
    }
  }
};

}  // namespace
