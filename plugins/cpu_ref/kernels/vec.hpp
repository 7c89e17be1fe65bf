// SPDX-License-Identifier: Apache-2.0
#pragma once

// The vector type of the instruction set that this translation unit is compiled for, and blocks of 16 floats made of
// it, so that every kernel is written once. Only for kernels/*.cpp. All in an anonymous namespace: an inline function
// with external linkage, compiled here with AVX-512, could be the copy that the linker keeps for everybody.

#include <immintrin.h>
#include <stdint.h>

namespace inferbench::cpu_ref {
namespace {

#define INFERBENCH_INLINE inline __attribute__((always_inline))

#if defined(__AVX512F__)
using Vec = __m512;
constexpr unsigned kLanes = 16;
INFERBENCH_INLINE Vec load(const float* p) {
  return _mm512_loadu_ps(p);
}
INFERBENCH_INLINE void store(float* p, Vec a) {
  _mm512_storeu_ps(p, a);
}
INFERBENCH_INLINE Vec set1(float a) {
  return _mm512_set1_ps(a);
}
INFERBENCH_INLINE Vec add(Vec a, Vec b) {
  return _mm512_add_ps(a, b);
}
INFERBENCH_INLINE Vec sub(Vec a, Vec b) {
  return _mm512_sub_ps(a, b);
}
INFERBENCH_INLINE Vec mul(Vec a, Vec b) {
  return _mm512_mul_ps(a, b);
}
INFERBENCH_INLINE Vec div(Vec a, Vec b) {
  return _mm512_div_ps(a, b);
}
INFERBENCH_INLINE Vec max(Vec a, Vec b) {
  return _mm512_max_ps(a, b);
}
INFERBENCH_INLINE Vec min(Vec a, Vec b) {
  return _mm512_min_ps(a, b);
}
INFERBENCH_INLINE Vec madd(Vec a, Vec b, Vec c) {
  return _mm512_fmadd_ps(a, b, c);
}
INFERBENCH_INLINE Vec nearest(Vec a) {
  return _mm512_cvtepi32_ps(_mm512_cvtps_epi32(a));
}
/// a * 2^n for whole n, where neither a nor the result is subnormal.
INFERBENCH_INLINE Vec scale2(Vec a, Vec n) {
  return _mm512_castsi512_ps(_mm512_add_epi32(_mm512_castps_si512(a), _mm512_slli_epi32(_mm512_cvtps_epi32(n), 23)));
}
INFERBENCH_INLINE Vec abs(Vec a) {
  return _mm512_castsi512_ps(_mm512_and_epi32(_mm512_castps_si512(a), _mm512_set1_epi32(0x7fffffff)));
}
/// a < b ? x : y
INFERBENCH_INLINE Vec select_less(Vec a, Vec b, Vec x, Vec y) {
  return _mm512_mask_blend_ps(_mm512_cmp_ps_mask(a, b, _CMP_LT_OQ), y, x);
}
#elif defined(__AVX2__)
using Vec = __m256;
constexpr unsigned kLanes = 8;
INFERBENCH_INLINE Vec load(const float* p) {
  return _mm256_loadu_ps(p);
}
INFERBENCH_INLINE void store(float* p, Vec a) {
  _mm256_storeu_ps(p, a);
}
INFERBENCH_INLINE Vec set1(float a) {
  return _mm256_set1_ps(a);
}
INFERBENCH_INLINE Vec add(Vec a, Vec b) {
  return _mm256_add_ps(a, b);
}
INFERBENCH_INLINE Vec sub(Vec a, Vec b) {
  return _mm256_sub_ps(a, b);
}
INFERBENCH_INLINE Vec mul(Vec a, Vec b) {
  return _mm256_mul_ps(a, b);
}
INFERBENCH_INLINE Vec div(Vec a, Vec b) {
  return _mm256_div_ps(a, b);
}
INFERBENCH_INLINE Vec max(Vec a, Vec b) {
  return _mm256_max_ps(a, b);
}
INFERBENCH_INLINE Vec min(Vec a, Vec b) {
  return _mm256_min_ps(a, b);
}
INFERBENCH_INLINE Vec madd(Vec a, Vec b, Vec c) {
  return _mm256_fmadd_ps(a, b, c);
}
INFERBENCH_INLINE Vec nearest(Vec a) {
  return _mm256_cvtepi32_ps(_mm256_cvtps_epi32(a));
}
INFERBENCH_INLINE Vec scale2(Vec a, Vec n) {
  return _mm256_castsi256_ps(_mm256_add_epi32(_mm256_castps_si256(a), _mm256_slli_epi32(_mm256_cvtps_epi32(n), 23)));
}
INFERBENCH_INLINE Vec abs(Vec a) {
  return _mm256_and_ps(a, _mm256_castsi256_ps(_mm256_set1_epi32(0x7fffffff)));
}
INFERBENCH_INLINE Vec select_less(Vec a, Vec b, Vec x, Vec y) {
  return _mm256_blendv_ps(y, x, _mm256_cmp_ps(a, b, _CMP_LT_OQ));
}
#else
using Vec = __m128;
constexpr unsigned kLanes = 4;
INFERBENCH_INLINE Vec load(const float* p) {
  return _mm_loadu_ps(p);
}
INFERBENCH_INLINE void store(float* p, Vec a) {
  _mm_storeu_ps(p, a);
}
INFERBENCH_INLINE Vec set1(float a) {
  return _mm_set1_ps(a);
}
INFERBENCH_INLINE Vec add(Vec a, Vec b) {
  return _mm_add_ps(a, b);
}
INFERBENCH_INLINE Vec sub(Vec a, Vec b) {
  return _mm_sub_ps(a, b);
}
INFERBENCH_INLINE Vec mul(Vec a, Vec b) {
  return _mm_mul_ps(a, b);
}
INFERBENCH_INLINE Vec div(Vec a, Vec b) {
  return _mm_div_ps(a, b);
}
INFERBENCH_INLINE Vec max(Vec a, Vec b) {
  return _mm_max_ps(a, b);
}
INFERBENCH_INLINE Vec min(Vec a, Vec b) {
  return _mm_min_ps(a, b);
}
INFERBENCH_INLINE Vec madd(Vec a, Vec b, Vec c) {
  return _mm_add_ps(_mm_mul_ps(a, b), c);
}
INFERBENCH_INLINE Vec nearest(Vec a) {
  return _mm_cvtepi32_ps(_mm_cvtps_epi32(a));
}
INFERBENCH_INLINE Vec scale2(Vec a, Vec n) {
  return _mm_castsi128_ps(_mm_add_epi32(_mm_castps_si128(a), _mm_slli_epi32(_mm_cvtps_epi32(n), 23)));
}
INFERBENCH_INLINE Vec abs(Vec a) {
  return _mm_and_ps(a, _mm_castsi128_ps(_mm_set1_epi32(0x7fffffff)));
}
INFERBENCH_INLINE Vec select_less(Vec a, Vec b, Vec x, Vec y) {
  const Vec less = _mm_cmplt_ps(a, b);
  return _mm_or_ps(_mm_and_ps(less, x), _mm_andnot_ps(less, y));
}
#endif

/// a * b + c of single values, rounded as madd rounds its lanes: what is left over where a vector does not fit.
INFERBENCH_INLINE float madd1(float a, float b, float c) {
#if defined(__FMA__)
  return _mm_cvtss_f32(_mm_fmadd_ss(_mm_set_ss(a), _mm_set_ss(b), _mm_set_ss(c)));
#else
  return a * b + c;
#endif
}

/// Partial sums are kept in this many lanes whatever the vector's width, so that all widths round alike.
constexpr int64_t kBlock = 16;
constexpr unsigned kVecs = static_cast<unsigned>(kBlock) / kLanes;

/// The sum of 16 values, as a balanced tree.
INFERBENCH_INLINE float tree_sum(float* values) {
  for (int half = 8; half > 0; half /= 2) {
    for (int i = 0; i < half; ++i) values[i] += values[i + half];
  }
  return values[0];
}

/// e^x for each lane, 1.2 ulp where the result is normal; x below -87.3 counts as -87.3, above 88.3 as 88.3.
/// Cody and Waite's reduction x = n ln 2 + r, then a degree-6 polynomial in r (coefficients of Cephes' expf).
INFERBENCH_INLINE Vec exp(Vec x) {
  x = min(set1(88.3F), max(set1(-87.3F), x));  // in this order a NaN stays
  const Vec n = nearest(mul(x, set1(1.44269504088896341F)));
  Vec r = madd(n, set1(-0.693359375F), x);
  r = madd(n, set1(2.12194440e-4F), r);
  Vec p = set1(1.9875691500e-4F);
  p = madd(p, r, set1(1.3981999507e-3F));
  p = madd(p, r, set1(8.3334519073e-3F));
  p = madd(p, r, set1(4.1665795894e-2F));
  p = madd(p, r, set1(1.6666665459e-1F));
  p = madd(p, r, set1(5.0000001201e-1F));
  p = add(madd(p, mul(r, r), r), set1(1.0F));
  return scale2(p, n);
}

}  // namespace
}  // namespace inferbench::cpu_ref
