// SPDX-License-Identifier: Apache-2.0
//
// int5 weights times up to kMaxGemvRows rows, as int4. A half group's sum of u * q may pass 16 bits, but not the sum of
// (u - 16) * q, which is at most 16 * 16 * 127 < 2^15: modulo 2^16 adding -16 * (sum of activations) gives just that.
#include "codes_avx512.h"
#include "int5.h"

namespace {

// Lower bits at bit 0 of each byte, and fifth bits at bit 4: (lines & 15) | (bits & 16).
inline __m512i codes_of(__m512i lines, __m512i bits) {
  constexpr int kAndOr = 0xea;  // (a & b) | c
  return _mm512_ternarylogic_epi32(lines, _mm512_set1_epi8(0x0f), _mm512_and_si512(bits, _mm512_set1_epi8(0x10)),
                                   kAndOr);
}

// Sums of products of a group's two halves with each row.
template <int kRows>
struct Sums {
  __m512i low[count(kRows)];
  __m512i high[count(kRows)];
};

// Adds line kLine of a group. Loops over rows are unrolled by name: GCC keeps larger ones, and then y in memory.
template <unsigned kLine, int kRows>
inline void add_line(const uint8_t* codes, __m512i bits, const uint8_t* q, int64_t row_bytes, Sums<kRows>& sums) {
  const __m512i line = _mm512_load_si512(codes + 64 * kLine);
  const __m512i low = codes_of(line, _mm512_slli_epi16(bits, 4 - kLine));
  const __m512i high = codes_of(_mm512_srli_epi16(line, 4), _mm512_srli_epi16(bits, kLine));
#pragma GCC unroll 8
  for (int m = 0; m < kRows; ++m) {
    const uint8_t* a = q + m * row_bytes + 4 * kLine;
    sums.low[m] = _mm512_dpbusd_epi32(sums.low[m], low, _mm512_set1_epi32(four_bytes(a)));
    sums.high[m] = _mm512_dpbusd_epi32(sums.high[m], high, _mm512_set1_epi32(four_bytes(a + kHalfGroup)));
  }
}

struct Int5 {
  static constexpr int32_t kGroupBytes = kI5GroupBytes;
  static int64_t tile_bytes(int32_t k) { return i5_tile_bytes(k); }

  template <int kRows>
  static void add_group(const Group& group, __m512 (&y)[count(kRows)]) {
    const auto* q = reinterpret_cast<const uint8_t*>(group.first.q) + int64_t{group.g} * kScaleGroup;
    const auto* half = reinterpret_cast<const uint8_t*>(group.first.half + int64_t{group.g} * 2);
    const auto* scale = reinterpret_cast<const uint8_t*>(group.first.scale + group.g);
    const __m512i bits = _mm512_load_si512(group.codes + 256);
    Sums<kRows> sums;
#pragma GCC unroll 8
    for (int m = 0; m < kRows; ++m) sums.low[m] = sums.high[m] = _mm512_setzero_si512();
    add_line<0>(group.codes, bits, q, group.row_bytes, sums);
    add_line<1>(group.codes, bits, q, group.row_bytes, sums);
    add_line<2>(group.codes, bits, q, group.row_bytes, sums);
    add_line<3>(group.codes, bits, q, group.row_bytes, sums);
    const __m512i low_words = _mm512_set1_epi32(0xffff);
    const __m512i multipliers = multipliers_of(group.multipliers);
#pragma GCC unroll 8
    for (int m = 0; m < kRows; ++m) {
      // (low & 0xffff) | high << 16
      const __m512i both = _mm512_ternarylogic_epi32(sums.low[m], low_words, _mm512_slli_epi32(sums.high[m], 16), 0xea);
      const __m512i offsets = _mm512_slli_epi16(_mm512_set1_epi32(four_bytes(half + m * group.row_bytes)), 1);
      const __m512i acc = _mm512_madd_epi16(multipliers, _mm512_add_epi16(both, offsets));
      y[m] = add_scaled(y[m], acc, float_at(scale + m * group.row_bytes), group.factor);
    }
  }
};

template <FetchAhead kAhead>
using Gemv = GemvOf<Int5, kAhead>;

}  // namespace

namespace inferbench::cpu_quant {

void add_int5_avx512(Int5Kernels* kernels, FetchAhead ahead) {
  kernels->gemv = gemv_that_fetches<Gemv>(ahead);
}

}  // namespace inferbench::cpu_quant
