// SPDX-License-Identifier: Apache-2.0
//
// int4 weights times up to kMaxGemvRows rows, without making them int8. Of a group, the low nibbles (u) and the high
// ones (16 u) each go through four dot products; the two sums fit 16 bits (16 * 15 * 127 < 2^15), and so they do with
// -8 * (sum of activations) added, which makes u of them u - 8. One 16-bit dot product multiplies both by their
// multipliers.
#include "codes_avx512.h"
#include "parts.h"

namespace {

struct Int4 {
  static constexpr int32_t kGroupBytes = 256;
  static int64_t tile_bytes(int32_t k) { return i4_tile_bytes(k); }

  // Loops over rows are unrolled by name: GCC keeps larger ones, and then y in memory.
  template <int kRows>
  static void add_group(const Group& group, __m512 (&y)[count(kRows)]) {
    const __m512i low_nibbles = _mm512_set1_epi8(0x0f);
    const __m512i low_words = _mm512_set1_epi32(0xffff);
    const auto* q = reinterpret_cast<const uint8_t*>(group.first.q) + int64_t{group.g} * kScaleGroup;
    const auto* half = reinterpret_cast<const uint8_t*>(group.first.half + int64_t{group.g} * 2);
    const auto* scale = reinterpret_cast<const uint8_t*>(group.first.scale + group.g);
    __m512i sum_low[count(kRows)];
    __m512i sum_high[count(kRows)];
#pragma GCC unroll 8
    for (int m = 0; m < kRows; ++m) sum_low[m] = sum_high[m] = _mm512_setzero_si512();
#pragma GCC unroll 4
    for (int j = 0; j < 4; ++j) {
      const __m512i line = _mm512_load_si512(group.codes + 64 * j);
      const __m512i low = _mm512_and_si512(line, low_nibbles);
      const __m512i high = _mm512_andnot_si512(low_nibbles, line);
#pragma GCC unroll 8
      for (int m = 0; m < kRows; ++m) {
        const uint8_t* a = q + m * group.row_bytes + 4 * j;
        sum_low[m] = _mm512_dpbusd_epi32(sum_low[m], low, _mm512_set1_epi32(four_bytes(a)));
        sum_high[m] = _mm512_dpbusd_epi32(sum_high[m], high, _mm512_set1_epi32(four_bytes(a + kHalfGroup)));
      }
    }
    const __m512i multipliers = multipliers_of(group.multipliers);
#pragma GCC unroll 8
    for (int m = 0; m < kRows; ++m) {
      // (sum_low & 0xffff) | (sum_high / 16) << 16
      const __m512i sums = _mm512_ternarylogic_epi32(sum_low[m], low_words, _mm512_slli_epi32(sum_high[m], 12), 0xea);
      const __m512i offsets = _mm512_set1_epi32(four_bytes(half + m * group.row_bytes));
      const __m512i acc = _mm512_madd_epi16(multipliers, _mm512_add_epi16(sums, offsets));
      y[m] = add_scaled(y[m], acc, float_at(scale + m * group.row_bytes), group.factor);
    }
  }
};

template <FetchAhead kAhead>
using Gemv = GemvOf<Int4, kAhead>;

}  // namespace

namespace inferbench::cpu_quant {

void add_gemv_i4_avx512(KernelTable* table, FetchAhead ahead) {
  table->gemv_i4 = gemv_that_fetches<Gemv>(ahead);
}

}  // namespace inferbench::cpu_quant
