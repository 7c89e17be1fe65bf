// SPDX-License-Identifier: Apache-2.0
//
// Sixteen floats in two AVX registers; vec_generic.h says what each operation means.
#pragma once

#include <immintrin.h>
#include <stdint.h>

namespace {

struct Vec {
  __m256 low;
  __m256 high;

  static constexpr int kTileRows = 6;
  static constexpr int kTileVecs = 1;
  static constexpr int kDecodeVecs = 2;

  // All bits set in lanes first + i < n.
  static __m256i below(int n, int first) {
    return _mm256_cmpgt_epi32(_mm256_set1_epi32(n - first), _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7));
  }
  static __m256 mask_below(int n, int first) { return _mm256_castsi256_ps(below(n, first)); }
  static __m256i bits(__m256 x) { return _mm256_castps_si256(x); }
  static __m256 floats(__m256i x) { return _mm256_castsi256_ps(x); }

  static Vec set(float x) { return {_mm256_set1_ps(x), _mm256_set1_ps(x)}; }
  static Vec load(const float* p) { return {_mm256_loadu_ps(p), _mm256_loadu_ps(p + 8)}; }
  static Vec load_part(const float* p, int n) {
    return {_mm256_maskload_ps(p, below(n, 0)), _mm256_maskload_ps(p + 8, below(n, 8))};
  }
  static Vec load_i8(const int8_t* p) {
    const __m128i bytes = _mm_loadu_si128(reinterpret_cast<const __m128i*>(p));
    return {_mm256_cvtepi32_ps(_mm256_cvtepi8_epi32(bytes)),
            _mm256_cvtepi32_ps(_mm256_cvtepi8_epi32(_mm_srli_si128(bytes, 8)))};
  }
  static Vec load_f16(const uint16_t* p) {
    return {_mm256_cvtph_ps(_mm_loadu_si128(reinterpret_cast<const __m128i*>(p))),
            _mm256_cvtph_ps(_mm_loadu_si128(reinterpret_cast<const __m128i*>(p + 8)))};
  }
  void store(float* p) const {
    _mm256_storeu_ps(p, low);
    _mm256_storeu_ps(p + 8, high);
  }
  void store_part(float* p, int n) const {
    _mm256_maskstore_ps(p, below(n, 0), low);
    _mm256_maskstore_ps(p + 8, below(n, 8), high);
  }
  void store_f16(uint16_t* p) const {
    _mm_storeu_si128(reinterpret_cast<__m128i*>(p), _mm256_cvtps_ph(low, _MM_FROUND_TO_NEAREST_INT));
    _mm_storeu_si128(reinterpret_cast<__m128i*>(p + 8), _mm256_cvtps_ph(high, _MM_FROUND_TO_NEAREST_INT));
  }
  void store_low_bytes(int8_t* p) const {
    const __m256i byte = _mm256_set1_epi32(0xff);
    const __m256i words = _mm256_packus_epi32(_mm256_and_si256(bits(low), byte), _mm256_and_si256(bits(high), byte));
    const __m256i ordered = _mm256_permute4x64_epi64(words, 0xd8);
    _mm_storeu_si128(reinterpret_cast<__m128i*>(p),
                     _mm_packus_epi16(_mm256_castsi256_si128(ordered), _mm256_extracti128_si256(ordered, 1)));
  }

  static Vec add(Vec a, Vec b) { return {_mm256_add_ps(a.low, b.low), _mm256_add_ps(a.high, b.high)}; }
  static Vec sub(Vec a, Vec b) { return {_mm256_sub_ps(a.low, b.low), _mm256_sub_ps(a.high, b.high)}; }
  static Vec mul(Vec a, Vec b) { return {_mm256_mul_ps(a.low, b.low), _mm256_mul_ps(a.high, b.high)}; }
  static Vec div(Vec a, Vec b) { return {_mm256_div_ps(a.low, b.low), _mm256_div_ps(a.high, b.high)}; }
  static Vec fma(Vec a, Vec b, Vec c) {
    return {_mm256_fmadd_ps(a.low, b.low, c.low), _mm256_fmadd_ps(a.high, b.high, c.high)};
  }
  static Vec madd(Vec a, Vec b, Vec c) { return fma(a, b, c); }
  static Vec max(Vec a, Vec b) { return {_mm256_max_ps(a.low, b.low), _mm256_max_ps(a.high, b.high)}; }
  static Vec min(Vec a, Vec b) { return {_mm256_min_ps(a.low, b.low), _mm256_min_ps(a.high, b.high)}; }
  static Vec abs(Vec a) {
    const __m256 mask = floats(_mm256_set1_epi32(0x7fffffff));
    return {_mm256_and_ps(a.low, mask), _mm256_and_ps(a.high, mask)};
  }
  static Vec max_bits(Vec a, Vec b) {
    return {floats(_mm256_max_epu32(bits(a.low), bits(b.low))), floats(_mm256_max_epu32(bits(a.high), bits(b.high)))};
  }
  static Vec add_exponent(Vec a, Vec b) {
    return {floats(_mm256_add_epi32(bits(a.low), _mm256_slli_epi32(bits(b.low), 23))),
            floats(_mm256_add_epi32(bits(a.high), _mm256_slli_epi32(bits(b.high), 23)))};
  }
  static Vec zero_below(Vec a, Vec x, Vec bound) {
    return {_mm256_and_ps(a.low, _mm256_cmp_ps(x.low, bound.low, _CMP_NLT_UQ)),
            _mm256_and_ps(a.high, _mm256_cmp_ps(x.high, bound.high, _CMP_NLT_UQ))};
  }
  static Vec fill_from(Vec a, int n, float value) {
    const __m256 fill = _mm256_set1_ps(value);
    return {_mm256_blendv_ps(fill, a.low, mask_below(n, 0)), _mm256_blendv_ps(fill, a.high, mask_below(n, 8))};
  }
  static Vec if_negative(Vec x, Vec a, Vec b) {
    const __m256 zero = _mm256_setzero_ps();
    return {_mm256_blendv_ps(b.low, a.low, _mm256_cmp_ps(x.low, zero, _CMP_LT_OQ)),
            _mm256_blendv_ps(b.high, a.high, _mm256_cmp_ps(x.high, zero, _CMP_LT_OQ))};
  }
  static uint32_t equal(Vec a, Vec b) {
    const auto low = static_cast<uint32_t>(_mm256_movemask_ps(_mm256_cmp_ps(a.low, b.low, _CMP_EQ_OQ)));
    const auto high = static_cast<uint32_t>(_mm256_movemask_ps(_mm256_cmp_ps(a.high, b.high, _CMP_EQ_OQ)));
    return low | high << 8;
  }

  static float sum(Vec a) {
    const __m256 half = _mm256_add_ps(a.low, a.high);
    __m128 s = _mm_add_ps(_mm256_castps256_ps128(half), _mm256_extractf128_ps(half, 1));
    s = _mm_add_ps(s, _mm_movehl_ps(s, s));
    return _mm_cvtss_f32(_mm_add_ss(s, _mm_movehdup_ps(s)));
  }
  static float largest(Vec a) {
    const __m256 half = _mm256_max_ps(a.low, a.high);
    __m128 s = _mm_max_ps(_mm256_castps256_ps128(half), _mm256_extractf128_ps(half, 1));
    s = _mm_max_ps(s, _mm_movehl_ps(s, s));
    return _mm_cvtss_f32(_mm_max_ss(s, _mm_movehdup_ps(s)));
  }
  static uint32_t largest_bits(Vec a) {
    const __m256i half = _mm256_max_epu32(bits(a.low), bits(a.high));
    __m128i s = _mm_max_epu32(_mm256_castsi256_si128(half), _mm256_extracti128_si256(half, 1));
    s = _mm_max_epu32(s, _mm_shuffle_epi32(s, 0x4e));
    return static_cast<uint32_t>(_mm_cvtsi128_si32(_mm_max_epu32(s, _mm_shuffle_epi32(s, 0xb1))));
  }
  template <bool kUnsigned>
  static void store_rounded(const Vec (&v)[4], int8_t* p) {
    for (int i = 0; i < 2; ++i) {
      const __m256i first = _mm256_packs_epi32(_mm256_cvtps_epi32(v[2 * i].low), _mm256_cvtps_epi32(v[2 * i].high));
      const __m256i second =
          _mm256_packs_epi32(_mm256_cvtps_epi32(v[2 * i + 1].low), _mm256_cvtps_epi32(v[2 * i + 1].high));
      const __m256i bytes = kUnsigned ? _mm256_packus_epi16(first, second) : _mm256_packs_epi16(first, second);
      const __m256i ordered = _mm256_permutevar8x32_epi32(bytes, _mm256_setr_epi32(0, 4, 1, 5, 2, 6, 3, 7));
      _mm256_storeu_si256(reinterpret_cast<__m256i*>(p + 32 * i), ordered);
    }
  }
  // Pairs, then quads of registers: lanes of 128 bits with what remains of a, b, c, d.
  static __m256 largest_of_four(const __m256* v) {
    const __m256 ab =
        floats(_mm256_max_epu32(bits(_mm256_unpacklo_ps(v[0], v[1])), bits(_mm256_unpackhi_ps(v[0], v[1]))));
    const __m256 cd =
        floats(_mm256_max_epu32(bits(_mm256_unpacklo_ps(v[2], v[3])), bits(_mm256_unpackhi_ps(v[2], v[3]))));
    const __m256d x = _mm256_castps_pd(ab);
    const __m256d y = _mm256_castps_pd(cd);
    return floats(
        _mm256_max_epu32(_mm256_castpd_si256(_mm256_unpacklo_pd(x, y)), _mm256_castpd_si256(_mm256_unpackhi_pd(x, y))));
  }
  static __m256 largest_of_eight(const __m256* v) {
    const __m256 x = largest_of_four(v);
    const __m256 y = largest_of_four(v + 4);
    return floats(_mm256_max_epu32(bits(_mm256_permute2f128_ps(x, y, 0x20)), bits(_mm256_permute2f128_ps(x, y, 0x31))));
  }
  static Vec largest_of_each(const Vec (&v)[16]) {
    __m256 half[16];
    for (int i = 0; i < 16; ++i) half[i] = floats(_mm256_max_epu32(bits(v[i].low), bits(v[i].high)));
    return {largest_of_eight(half), largest_of_eight(half + 8)};
  }
  static void transpose_eight(__m256 (&v)[8]) {
    __m256 quad[8];  // lanes of 128 bits, transposed
    for (int i = 0; i < 8; i += 4) {
      const __m256d low_low = _mm256_castps_pd(_mm256_unpacklo_ps(v[i], v[i + 1]));
      const __m256d low_high = _mm256_castps_pd(_mm256_unpackhi_ps(v[i], v[i + 1]));
      const __m256d high_low = _mm256_castps_pd(_mm256_unpacklo_ps(v[i + 2], v[i + 3]));
      const __m256d high_high = _mm256_castps_pd(_mm256_unpackhi_ps(v[i + 2], v[i + 3]));
      quad[i] = _mm256_castpd_ps(_mm256_unpacklo_pd(low_low, high_low));
      quad[i + 1] = _mm256_castpd_ps(_mm256_unpackhi_pd(low_low, high_low));
      quad[i + 2] = _mm256_castpd_ps(_mm256_unpacklo_pd(low_high, high_high));
      quad[i + 3] = _mm256_castpd_ps(_mm256_unpackhi_pd(low_high, high_high));
    }
    for (int c = 0; c < 4; ++c) {
      v[c] = _mm256_permute2f128_ps(quad[c], quad[4 + c], 0x20);
      v[4 + c] = _mm256_permute2f128_ps(quad[c], quad[4 + c], 0x31);
    }
  }
  static void transpose(Vec (&v)[16]) {
    __m256 part[2][2][8];  // [rows from 8 on][lanes from 8 on]
    for (int i = 0; i < 16; ++i) {
      part[i / 8][0][i % 8] = v[i].low;
      part[i / 8][1][i % 8] = v[i].high;
    }
    for (auto& rows : part) {
      for (auto& lanes : rows) transpose_eight(lanes);
    }
    for (int i = 0; i < 16; ++i) v[i] = {part[0][i / 8][i % 8], part[1][i / 8][i % 8]};
  }
  static void sums_of_64(const int8_t* q, int16_t (&halves)[4], int32_t (&groups)[2]) {
    for (int i = 0; i < 2; ++i) {
      const __m256i bytes = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(q + 32 * i));
      const __m256i parts = _mm256_sad_epu8(_mm256_xor_si256(bytes, _mm256_set1_epi8(-128)), _mm256_setzero_si256());
      const __m256i sums = _mm256_add_epi32(parts, _mm256_shuffle_epi32(parts, 0x4e));
      const int32_t first = _mm_cvtsi128_si32(_mm256_castsi256_si128(sums)) - 16 * 128;
      const int32_t second = _mm_cvtsi128_si32(_mm256_extracti128_si256(sums, 1)) - 16 * 128;
      halves[2 * i] = static_cast<int16_t>(-8 * first);
      halves[2 * i + 1] = static_cast<int16_t>(-8 * second);
      groups[i] = -128 * (first + second);
    }
  }
};

}  // namespace
