// SPDX-License-Identifier: Apache-2.0
//
// Four floats in a register; lanes_avx2.h has eight. Every operation is that of IEEE in each lane, so what is written
// over Lanes gives the same bits with both.
#pragma once

#include <emmintrin.h>

namespace {

struct Lanes {
  static constexpr int kCount = 4;
  __m128 v;

  static Lanes set(float x) { return {_mm_set1_ps(x)}; }
  static Lanes load(const float* p) { return {_mm_loadu_ps(p)}; }
  void store(float* p) const { _mm_storeu_ps(p, v); }

  static Lanes add(Lanes a, Lanes b) { return {_mm_add_ps(a.v, b.v)}; }
  static Lanes sub(Lanes a, Lanes b) { return {_mm_sub_ps(a.v, b.v)}; }
  static Lanes mul(Lanes a, Lanes b) { return {_mm_mul_ps(a.v, b.v)}; }
  static Lanes div(Lanes a, Lanes b) { return {_mm_div_ps(a.v, b.v)}; }
  // b where a is not a number.
  static Lanes max(Lanes a, Lanes b) { return {_mm_max_ps(a.v, b.v)}; }
  static Lanes min(Lanes a, Lanes b) { return {_mm_min_ps(a.v, b.v)}; }
  static Lanes abs(Lanes a) { return {_mm_and_ps(a.v, _mm_castsi128_ps(_mm_set1_epi32(0x7fffffff)))}; }
  // To the nearest integer, halves to even, of magnitudes below 2^22; beyond, something as large.
  static Lanes round(Lanes a) {
    const __m128 rounder = _mm_set1_ps(12582912.0F);  // 1.5 * 2^23: what is added to it has no room for a fraction
    return {_mm_sub_ps(_mm_add_ps(a.v, rounder), rounder)};
  }
  // Towards 0, of magnitudes below 2^31.
  static Lanes truncate(Lanes a) { return {_mm_cvtepi32_ps(_mm_cvttps_epi32(a.v))}; }

  // All bits set where a < b; of masks: both.
  static Lanes less(Lanes a, Lanes b) { return {_mm_cmplt_ps(a.v, b.v)}; }
  static Lanes both(Lanes a, Lanes b) { return {_mm_and_ps(a.v, b.v)}; }
  // a where the mask is set, else b.
  static Lanes select(Lanes mask, Lanes a, Lanes b) {
    return {_mm_or_ps(_mm_and_ps(mask.v, a.v), _mm_andnot_ps(mask.v, b.v))};
  }

  // Lane l of out[i]: rows[l * stride + i].
  static void load_columns(const float* rows, int stride, Lanes* out) {
    __m128 a = _mm_loadu_ps(rows);
    __m128 b = _mm_loadu_ps(rows + stride);
    __m128 c = _mm_loadu_ps(rows + 2 * stride);
    __m128 d = _mm_loadu_ps(rows + 3 * stride);
    _MM_TRANSPOSE4_PS(a, b, c, d);
    out[0] = {a};
    out[1] = {b};
    out[2] = {c};
    out[3] = {d};
  }
};

}  // namespace
