// SPDX-License-Identifier: Apache-2.0
//
// Sixteen floats in one AVX-512 register; vec_generic.h says what each operation means.
#pragma once

#include <immintrin.h>
#include <stdint.h>

namespace {

struct Vec {
  __m512 v;

  static constexpr int kTileRows = 6;
  static constexpr int kTileVecs = 4;
  static constexpr int kDecodeVecs = 4;

  // Lanes below n.
  static __mmask16 below(int n) {
    return n >= 16 ? static_cast<__mmask16>(0xffff)
                   : static_cast<__mmask16>(n <= 0 ? 0U : (1U << static_cast<unsigned>(n)) - 1U);
  }

  static Vec set(float x) { return {_mm512_set1_ps(x)}; }
  static Vec load(const float* p) { return {_mm512_loadu_ps(p)}; }
  static Vec load_part(const float* p, int n) { return {_mm512_maskz_loadu_ps(below(n), p)}; }
  static Vec load_i8(const int8_t* p) {
    return {_mm512_cvtepi32_ps(_mm512_cvtepi8_epi32(_mm_loadu_si128(reinterpret_cast<const __m128i*>(p))))};
  }
  static Vec load_f16(const uint16_t* p) {
    return {_mm512_cvtph_ps(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(p)))};
  }
  void store(float* p) const { _mm512_storeu_ps(p, v); }
  void store_part(float* p, int n) const { _mm512_mask_storeu_ps(p, below(n), v); }
  void store_f16(uint16_t* p) const {
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(p), _mm512_cvtps_ph(v, _MM_FROUND_TO_NEAREST_INT));
  }
  void store_low_bytes(int8_t* p) const {
    _mm_storeu_si128(reinterpret_cast<__m128i*>(p), _mm512_cvtepi32_epi8(_mm512_castps_si512(v)));
  }

  static Vec add(Vec a, Vec b) { return {_mm512_add_ps(a.v, b.v)}; }
  static Vec sub(Vec a, Vec b) { return {_mm512_sub_ps(a.v, b.v)}; }
  static Vec mul(Vec a, Vec b) { return {_mm512_mul_ps(a.v, b.v)}; }
  static Vec div(Vec a, Vec b) { return {_mm512_div_ps(a.v, b.v)}; }
  static Vec fma(Vec a, Vec b, Vec c) { return {_mm512_fmadd_ps(a.v, b.v, c.v)}; }
  static Vec madd(Vec a, Vec b, Vec c) { return {_mm512_fmadd_ps(a.v, b.v, c.v)}; }
  static Vec max(Vec a, Vec b) { return {_mm512_max_ps(a.v, b.v)}; }
  static Vec min(Vec a, Vec b) { return {_mm512_min_ps(a.v, b.v)}; }
  static Vec abs(Vec a) { return {_mm512_abs_ps(a.v)}; }
  static Vec max_bits(Vec a, Vec b) {
    return {_mm512_castsi512_ps(_mm512_max_epu32(_mm512_castps_si512(a.v), _mm512_castps_si512(b.v)))};
  }
  static Vec add_exponent(Vec a, Vec b) {
    return {_mm512_castsi512_ps(
        _mm512_add_epi32(_mm512_castps_si512(a.v), _mm512_slli_epi32(_mm512_castps_si512(b.v), 23)))};
  }
  static Vec zero_below(Vec a, Vec x, Vec bound) {
    return {_mm512_maskz_mov_ps(_mm512_cmp_ps_mask(x.v, bound.v, _CMP_NLT_UQ), a.v)};
  }
  static Vec fill_from(Vec a, int n, float value) { return {_mm512_mask_mov_ps(_mm512_set1_ps(value), below(n), a.v)}; }
  static Vec if_negative(Vec x, Vec a, Vec b) {
    return {_mm512_mask_mov_ps(b.v, _mm512_cmp_ps_mask(x.v, _mm512_setzero_ps(), _CMP_LT_OQ), a.v)};
  }
  static uint32_t equal(Vec a, Vec b) { return _mm512_cmp_ps_mask(a.v, b.v, _CMP_EQ_OQ); }

  static float sum(Vec a) {
    const __m256 half = _mm256_add_ps(_mm512_castps512_ps256(a.v), _mm512_extractf32x8_ps(a.v, 1));
    __m128 s = _mm_add_ps(_mm256_castps256_ps128(half), _mm256_extractf128_ps(half, 1));
    s = _mm_add_ps(s, _mm_movehl_ps(s, s));
    return _mm_cvtss_f32(_mm_add_ss(s, _mm_movehdup_ps(s)));
  }
  static float largest(Vec a) {
    const __m256 half = _mm256_max_ps(_mm512_castps512_ps256(a.v), _mm512_extractf32x8_ps(a.v, 1));
    __m128 s = _mm_max_ps(_mm256_castps256_ps128(half), _mm256_extractf128_ps(half, 1));
    s = _mm_max_ps(s, _mm_movehl_ps(s, s));
    return _mm_cvtss_f32(_mm_max_ss(s, _mm_movehdup_ps(s)));
  }
  static uint32_t largest_bits(Vec a) { return _mm512_reduce_max_epu32(_mm512_castps_si512(a.v)); }
  template <bool kUnsigned>
  static void store_rounded(const Vec (&v)[4], int8_t* p) {
    const __m512i first = _mm512_packs_epi32(_mm512_cvtps_epi32(v[0].v), _mm512_cvtps_epi32(v[1].v));
    const __m512i second = _mm512_packs_epi32(_mm512_cvtps_epi32(v[2].v), _mm512_cvtps_epi32(v[3].v));
    const __m512i bytes = kUnsigned ? _mm512_packus_epi16(first, second) : _mm512_packs_epi16(first, second);
    const __m512i order = _mm512_setr_epi32(0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15);
    _mm512_storeu_si512(p, _mm512_permutexvar_epi32(order, bytes));
  }
  static Vec max_pair(__m512i a, __m512i b) { return {_mm512_castsi512_ps(_mm512_max_epu32(a, b))}; }
  // Pairs, then quads of registers: lanes of 128 bits with what remains of a, b, c, d.
  static Vec largest_of_four(const Vec* v) {
    const Vec ab = max_bits({_mm512_unpacklo_ps(v[0].v, v[1].v)}, {_mm512_unpackhi_ps(v[0].v, v[1].v)});
    const Vec cd = max_bits({_mm512_unpacklo_ps(v[2].v, v[3].v)}, {_mm512_unpackhi_ps(v[2].v, v[3].v)});
    const __m512d x = _mm512_castps_pd(ab.v);
    const __m512d y = _mm512_castps_pd(cd.v);
    return max_pair(_mm512_castpd_si512(_mm512_unpacklo_pd(x, y)), _mm512_castpd_si512(_mm512_unpackhi_pd(x, y)));
  }
  // Lanes of 128 bits: 0 and 1, 2 and 3 of a, then of b.
  static Vec largest_of_lanes(Vec a, Vec b) {
    return max_bits({_mm512_shuffle_f32x4(a.v, b.v, 0x88)}, {_mm512_shuffle_f32x4(a.v, b.v, 0xdd)});
  }
  static Vec largest_of_each(const Vec (&v)[16]) {
    return largest_of_lanes(largest_of_lanes(largest_of_four(v), largest_of_four(v + 4)),
                            largest_of_lanes(largest_of_four(v + 8), largest_of_four(v + 12)));
  }
  // Of four registers: lanes of 128 bits, transposed.
  static void transpose_lanes(Vec* v) {
    const __m512d low_low = _mm512_castps_pd(_mm512_unpacklo_ps(v[0].v, v[1].v));
    const __m512d low_high = _mm512_castps_pd(_mm512_unpackhi_ps(v[0].v, v[1].v));
    const __m512d high_low = _mm512_castps_pd(_mm512_unpacklo_ps(v[2].v, v[3].v));
    const __m512d high_high = _mm512_castps_pd(_mm512_unpackhi_ps(v[2].v, v[3].v));
    v[0].v = _mm512_castpd_ps(_mm512_unpacklo_pd(low_low, high_low));
    v[1].v = _mm512_castpd_ps(_mm512_unpackhi_pd(low_low, high_low));
    v[2].v = _mm512_castpd_ps(_mm512_unpacklo_pd(low_high, high_high));
    v[3].v = _mm512_castpd_ps(_mm512_unpackhi_pd(low_high, high_high));
  }
  static void transpose(Vec (&v)[16]) {
    for (int i = 0; i < 16; i += 4) transpose_lanes(v + i);
    Vec r[16];
    for (int c = 0; c < 4; ++c) {
      const __m512 even_low = _mm512_shuffle_f32x4(v[c].v, v[4 + c].v, 0x88);
      const __m512 odd_low = _mm512_shuffle_f32x4(v[c].v, v[4 + c].v, 0xdd);
      const __m512 even_high = _mm512_shuffle_f32x4(v[8 + c].v, v[12 + c].v, 0x88);
      const __m512 odd_high = _mm512_shuffle_f32x4(v[8 + c].v, v[12 + c].v, 0xdd);
      r[c].v = _mm512_shuffle_f32x4(even_low, even_high, 0x88);
      r[4 + c].v = _mm512_shuffle_f32x4(odd_low, odd_high, 0x88);
      r[8 + c].v = _mm512_shuffle_f32x4(even_low, even_high, 0xdd);
      r[12 + c].v = _mm512_shuffle_f32x4(odd_low, odd_high, 0xdd);
    }
    for (int i = 0; i < 16; ++i) v[i] = r[i];
  }
  static void sums_of_64(const int8_t* q, int16_t (&halves)[4], int32_t (&groups)[2]) {
    const __m512i biased = _mm512_xor_si512(_mm512_loadu_si512(q), _mm512_set1_epi8(-128));
    const __m512i parts = _mm512_sad_epu8(biased, _mm512_setzero_si512());
    const __m512i sums = _mm512_add_epi64(parts, _mm512_shuffle_epi32(parts, _MM_PERM_BADC));  // of 16, biased by 2048
    const __m512i eighth = _mm512_slli_epi64(_mm512_sub_epi64(_mm512_set1_epi64(2048), sums), 3);
    const __m512i pairs = _mm512_add_epi64(sums, _mm512_shuffle_i64x2(sums, sums, 0xb1));
    const __m512i whole = _mm512_slli_epi64(_mm512_sub_epi64(_mm512_set1_epi64(4096), pairs), 7);
    const __m128i words = _mm512_cvtepi64_epi16(eighth);  // each twice
    const __m128i once =
        _mm_shuffle_epi8(words, _mm_setr_epi8(0, 1, 4, 5, 8, 9, 12, 13, -1, -1, -1, -1, -1, -1, -1, -1));
    _mm_storel_epi64(reinterpret_cast<__m128i*>(halves), once);
    groups[0] = _mm_cvtsi128_si32(_mm512_castsi512_si128(whole));
    groups[1] = _mm_cvtsi128_si32(_mm512_extracti32x4_epi32(whole, 2));
  }
};

}  // namespace
