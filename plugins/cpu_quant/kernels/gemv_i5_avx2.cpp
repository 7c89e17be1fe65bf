// SPDX-License-Identifier: Apache-2.0
//
// int5 weights times up to kMaxGemvRows rows, as int4: u8 x s8 products of codes cannot saturate (4 steps of 2 * 31 *
// 127 < 2^15). A group's codes are put together once for all rows.
#include "codes_avx2.h"
#include "int5.h"

namespace {

constexpr int kQuads = kScaleGroup / 4;

// The fifth bits of quad kQuad where they belong in its codes.
template <int kQuad>
inline __m256i fifth_bits(__m256i bits) {
  constexpr int kLeft = kQuad < 4 ? 4 - kQuad : 0;
  constexpr int kRight = kQuad < 4 ? 0 : kQuad - 4;
  return _mm256_and_si256(_mm256_srli_epi16(_mm256_slli_epi16(bits, kLeft), kRight), _mm256_set1_epi8(0x10));
}

// Codes of a group for 8 channels, quad after quad.
inline void read_codes(const uint8_t* group, __m256i (&u)[kQuads]) {
  const __m256i low_nibbles = _mm256_set1_epi8(0x0f);
  const __m256i bits = load_half(group + 256);
  const __m256i line[4] = {load_half(group), load_half(group + 64), load_half(group + 128), load_half(group + 192)};
  for (int j = 0; j < 4; ++j) {
    u[j] = _mm256_and_si256(line[j], low_nibbles);
    u[4 + j] = _mm256_and_si256(_mm256_srli_epi16(line[j], 4), low_nibbles);
  }
  u[0] = _mm256_or_si256(u[0], fifth_bits<0>(bits));
  u[1] = _mm256_or_si256(u[1], fifth_bits<1>(bits));
  u[2] = _mm256_or_si256(u[2], fifth_bits<2>(bits));
  u[3] = _mm256_or_si256(u[3], fifth_bits<3>(bits));
  u[4] = _mm256_or_si256(u[4], fifth_bits<4>(bits));
  u[5] = _mm256_or_si256(u[5], fifth_bits<5>(bits));
  u[6] = _mm256_or_si256(u[6], fifth_bits<6>(bits));
  u[7] = _mm256_or_si256(u[7], fifth_bits<7>(bits));
}

// y[m] += a group's 8 channels for kRows rows.
template <int kRows>
inline void add_rows(const __m256i (&u)[kQuads], const Multipliers& s, __m256 factor, const RowPointers<kRows>& rows,
                     const HalvesAt& at, __m256* y) {
  __m256i sums[2][count(kRows)];  // of the group's halves
  for (int half = 0; half < 2; ++half) {
    for (int j = 0; j < 4; ++j) {
      for (int m = 0; m < kRows; ++m) {
        const __m256i a = _mm256_set1_epi32(four_bytes(rows.row[m] + at.q + half * kHalfGroup + 4 * j));
        const __m256i products = _mm256_maddubs_epi16(u[4 * half + j], a);
        if (j == 0) {
          sums[half][m] = products;
        } else {
          add_16(sums[half][m], products);
        }
      }
    }
  }
  for (int m = 0; m < kRows; ++m) {
    const __m256i eighth = _mm256_set1_epi32(four_bytes(rows.row[m] + at.half));  // -8 * sum; the centre is 16
    __m256i acc = _mm256_madd_epi16(_mm256_add_epi16(eighth, eighth), s.pair);
    acc = _mm256_add_epi32(acc, _mm256_madd_epi16(sums[0][m], s.low));
    acc = _mm256_add_epi32(acc, _mm256_madd_epi16(sums[1][m], s.high));
    y[m] = add_scaled(y[m], acc, float_at(rows.row[m] + at.scale), factor);
  }
}

struct Int5 {
  static constexpr int32_t kGroupBytes = kI5GroupBytes;
  static int64_t tile_bytes(int32_t k) { return i5_tile_bytes(k); }
  static int64_t super_block_bytes(int32_t inputs) { return i5_super_block_bytes(inputs); }

  template <int kFirst, int kSecond>
  static void add_group(const uint8_t* codes, const uint8_t* multipliers, const float* factors,
                        const RowPointers<kFirst>& first, const RowPointers<at_least_one(kSecond)>& second, int32_t k,
                        int32_t g, __m256 (&y)[2][count(kFirst + kSecond)]) {
    for (int line = 0; line < kI5GroupBytes / 64; ++line) prefetch_weights(codes + 64 * line);
    const HalvesAt at(k, g);
#pragma GCC unroll 2
    for (int half = 0; half < 2; ++half) {
      __m256i u[kQuads];
      read_codes(codes + 32 * half, u);
      const Multipliers s(multipliers + 8 * half);
      const __m256 factor = _mm256_load_ps(factors + 8 * half);
      add_rows<kFirst>(u, s, factor, first, at, y[half]);
      if constexpr (kSecond > 0) add_rows<kSecond>(u, s, factor, second, at, y[half] + kFirst);
    }
  }
};

void gemv_i5(const MatmulArgs* args, int32_t tile_begin, int32_t tile_end) {
  for (int32_t tile = tile_begin; tile < tile_end; ++tile) for_row_block_pairs(TileOf<Int5>{*args, tile}, 0, args->m);
}

}  // namespace

namespace inferbench::cpu_quant {

void add_int5_avx2(Int5Kernels* kernels) {
  kernels->gemv = gemv_i5;
}

}  // namespace inferbench::cpu_quant
