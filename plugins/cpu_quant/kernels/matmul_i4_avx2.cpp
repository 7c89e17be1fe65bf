// SPDX-License-Identifier: Apache-2.0
//
// int4 weights times any number of rows, straight from the codes: u8 x s8 products of codes cannot saturate (4 steps of
// 2 * 15 * 127 < 2^15), so a group's sum is made in 16 bits and multiplied by its multiplier once. This is less work
// than the int8 product of unpacked weights, so gemm does the same.
#include "codes_avx2.h"
#include "parts.h"

namespace {

// y += the products of a group's two halves and 8 channels, which have 16 bits and lack the codes' offset.
inline void add_group(__m256i low, __m256i high, const Multipliers& s, __m256 factor, const uint8_t* row,
                      const HalvesAt& at, __m256& y) {
  __m256i acc = _mm256_madd_epi16(_mm256_set1_epi32(four_bytes(row + at.half)), s.pair);
  acc = _mm256_add_epi32(acc, _mm256_madd_epi16(low, s.low));
  acc = _mm256_add_epi32(acc, _mm256_madd_epi16(high, s.high));
  y = add_scaled(y, acc, float_at(row + at.scale), factor);
}

// y[m] += 8 channels of a group for kRows rows from `rows` on.
template <int kRows>
inline void add_rows(const uint8_t* codes, const Multipliers& s, __m256 factor, const RowPointers<kRows>& rows,
                     const HalvesAt& at, __m256* y) {
  codes = anew(codes);
  const __m256i low_nibbles = _mm256_set1_epi8(0x0f);
  __m256i low[count(kRows)];
  __m256i high[count(kRows)];
  for (int j = 0; j < 4; ++j) {
    const __m256i line = load_half(codes + 64 * j);
    const __m256i u_low = _mm256_and_si256(line, low_nibbles);
    const __m256i u_high = _mm256_and_si256(_mm256_srli_epi16(line, 4), low_nibbles);
    for (int m = 0; m < kRows; ++m) {
      const uint8_t* a = rows.row[m] + at.q + 4 * j;
      const __m256i p_low = _mm256_maddubs_epi16(u_low, _mm256_set1_epi32(four_bytes(a)));
      const __m256i p_high = _mm256_maddubs_epi16(u_high, _mm256_set1_epi32(four_bytes(a + kHalfGroup)));
      if (j == 0) {
        low[m] = p_low;
        high[m] = p_high;
      } else {
        add_16(low[m], p_low);
        add_16(high[m], p_high);
      }
    }
  }
  for (int m = 0; m < kRows; ++m) add_group(low[m], high[m], s, factor, rows.row[m], at, y[m]);
}

// y[half][m] += 16 channels of a group for kRows rows: both halves share what a row gives to their products, which
// takes more registers than there are for more than two rows.
template <int kRows>
inline void add_rows_to_tile(const uint8_t* codes, const uint8_t* multipliers, const float* factors,
                             const RowPointers<kRows>& rows, const HalvesAt& at, __m256 (&y)[2][count(kRows)]) {
  codes = anew(codes);
  const __m256i low_nibbles = _mm256_set1_epi8(0x0f);
  __m256i low[2][count(kRows)];
  __m256i high[2][count(kRows)];
#pragma GCC unroll 4
  for (int j = 0; j < 4; ++j) {
    prefetch_weights(codes + 64 * j);
    __m256i u_low[2];
    __m256i u_high[2];
    for (int half = 0; half < 2; ++half) {
      const __m256i line = load_half(codes + 64 * j + 32 * half);
      u_low[half] = _mm256_and_si256(line, low_nibbles);
      u_high[half] = _mm256_and_si256(_mm256_srli_epi16(line, 4), low_nibbles);
    }
    for (int m = 0; m < kRows; ++m) {
      const __m256i a_low = _mm256_set1_epi32(four_bytes(rows.row[m] + at.q + 4 * j));
      const __m256i a_high = _mm256_set1_epi32(four_bytes(rows.row[m] + at.q + 4 * j + kHalfGroup));
      for (int half = 0; half < 2; ++half) {
        const __m256i p_low = _mm256_maddubs_epi16(u_low[half], a_low);
        const __m256i p_high = _mm256_maddubs_epi16(u_high[half], a_high);
        if (j == 0) {
          low[half][m] = p_low;
          high[half][m] = p_high;
        } else {
          add_16(low[half][m], p_low);
          add_16(high[half][m], p_high);
        }
      }
    }
  }
  for (int half = 0; half < 2; ++half) {
    const Multipliers s(multipliers + 8 * half);
    const __m256 factor = _mm256_load_ps(factors + 8 * half);
    for (int m = 0; m < kRows; ++m) add_group(low[half][m], high[half][m], s, factor, rows.row[m], at, y[half][m]);
  }
}

struct Int4 {
  static constexpr int32_t kGroupBytes = 256;
  static int64_t tile_bytes(int32_t k) { return i4_tile_bytes(k); }
  static int64_t super_block_bytes(int32_t inputs) { return i4_super_block_bytes(inputs); }

  template <int kFirst, int kSecond>
  static void add_group(const uint8_t* codes, const uint8_t* multipliers, const float* factors,
                        const RowPointers<kFirst>& first, const RowPointers<at_least_one(kSecond)>& second, int32_t k,
                        int32_t g, __m256 (&y)[2][count(kFirst + kSecond)]) {
    if constexpr (kFirst <= 2 && kSecond == 0) {
      add_rows_to_tile<kFirst>(codes, multipliers, factors, first, HalvesAt(k, g), y);
      return;
    }
    for (int j = 0; j < 4; ++j) prefetch_weights(codes + 64 * j);
#pragma GCC unroll 2
    for (int half = 0; half < 2; ++half) {
      const Multipliers s(multipliers + 8 * half);
      const __m256 factor = _mm256_load_ps(factors + 8 * half);
      add_rows<kFirst>(codes + 32 * half, s, factor, first, HalvesAt(k, g), y[half]);
      if constexpr (kSecond > 0)
        add_rows<kSecond>(codes + 32 * half, s, factor, second, HalvesAt(k, g), y[half] + kFirst);
    }
  }
};

void gemm_i4(const MatmulArgs* args, int32_t tile_begin, int32_t tile_end, int32_t row_begin, int32_t row_end,
             uint8_t* /*scratch*/) {
  for (int32_t tile = tile_begin; tile < tile_end; ++tile)
    for_row_block_pairs(TileOf<Int4>{*args, tile}, row_begin, row_end);
}

void gemv_i4(const MatmulArgs* args, int32_t tile_begin, int32_t tile_end) {
  gemm_i4(args, tile_begin, tile_end, 0, args->m, nullptr);
}

}  // namespace

namespace inferbench::cpu_quant {

void add_matmul_i4_avx2(KernelTable* table) {
  table->gemv_i4 = gemv_i4;
  table->gemm_i4 = gemm_i4;
}

}  // namespace inferbench::cpu_quant
