// SPDX-License-Identifier: Apache-2.0
//
// Eight floats in a register; lanes_sse2.h says what each operation means.
#pragma once

#include <immintrin.h>

namespace {

struct Lanes {
  static constexpr int kCount = 8;
  __m256 v;

  static Lanes set(float x) { return {_mm256_set1_ps(x)}; }
  static Lanes load(const float* p) { return {_mm256_loadu_ps(p)}; }
  void store(float* p) const { _mm256_storeu_ps(p, v); }

  static Lanes add(Lanes a, Lanes b) { return {_mm256_add_ps(a.v, b.v)}; }
  static Lanes sub(Lanes a, Lanes b) { return {_mm256_sub_ps(a.v, b.v)}; }
  static Lanes mul(Lanes a, Lanes b) { return {_mm256_mul_ps(a.v, b.v)}; }
  static Lanes div(Lanes a, Lanes b) { return {_mm256_div_ps(a.v, b.v)}; }
  static Lanes max(Lanes a, Lanes b) { return {_mm256_max_ps(a.v, b.v)}; }
  static Lanes min(Lanes a, Lanes b) { return {_mm256_min_ps(a.v, b.v)}; }
  static Lanes abs(Lanes a) { return {_mm256_and_ps(a.v, _mm256_castsi256_ps(_mm256_set1_epi32(0x7fffffff)))}; }
  static Lanes round(Lanes a) { return {_mm256_round_ps(a.v, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC)}; }
  static Lanes truncate(Lanes a) { return {_mm256_cvtepi32_ps(_mm256_cvttps_epi32(a.v))}; }

  static Lanes less(Lanes a, Lanes b) { return {_mm256_cmp_ps(a.v, b.v, _CMP_LT_OQ)}; }
  static Lanes both(Lanes a, Lanes b) { return {_mm256_and_ps(a.v, b.v)}; }
  static Lanes select(Lanes mask, Lanes a, Lanes b) { return {_mm256_blendv_ps(b.v, a.v, mask.v)}; }

  // Four columns of eight rows, transposed within each half of the registers.
  static void load_columns(const float* rows, int stride, Lanes* out) {
    __m256 row[4];
    for (int i = 0; i < 4; ++i) {
      row[i] = _mm256_insertf128_ps(_mm256_castps128_ps256(_mm_loadu_ps(rows + i * stride)),
                                    _mm_loadu_ps(rows + (i + 4) * stride), 1);
    }
    const __m256d ab_low = _mm256_castps_pd(_mm256_unpacklo_ps(row[0], row[1]));
    const __m256d ab_high = _mm256_castps_pd(_mm256_unpackhi_ps(row[0], row[1]));
    const __m256d cd_low = _mm256_castps_pd(_mm256_unpacklo_ps(row[2], row[3]));
    const __m256d cd_high = _mm256_castps_pd(_mm256_unpackhi_ps(row[2], row[3]));
    out[0] = {_mm256_castpd_ps(_mm256_unpacklo_pd(ab_low, cd_low))};
    out[1] = {_mm256_castpd_ps(_mm256_unpackhi_pd(ab_low, cd_low))};
    out[2] = {_mm256_castpd_ps(_mm256_unpacklo_pd(ab_high, cd_high))};
    out[3] = {_mm256_castpd_ps(_mm256_unpackhi_pd(ab_high, cd_high))};
  }
};

}  // namespace
