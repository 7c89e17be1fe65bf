// SPDX-License-Identifier: Apache-2.0
//
// What the AVX-512 matrix products share: the dot product in both senses, scaling, where results go.
#pragma once

#include <immintrin.h>

#include "matmul_common.h"

namespace {

// acc + four products per lane of a line of weights and four activations in each lane.
template <bool kUnsigned>
inline __m512i dot_line(__m512i acc, __m512i weights, __m512i activations) {
  return kUnsigned ? _mm512_dpbusd_epi32(acc, activations, weights) : _mm512_dpbusd_epi32(acc, weights, activations);
}

// 16 bytes as floats.
inline __m512 floats_of(const uint8_t* p) {
  return _mm512_cvtepi32_ps(_mm512_cvtepu8_epi32(_mm_load_si128(reinterpret_cast<const __m128i*>(p))));
}

// y + acc * (a_scale * factor), the scales' product rounded first.
inline __m512 add_scaled(__m512 y, __m512i acc, float a_scale, __m512 factor) {
  return _mm512_fmadd_ps(_mm512_cvtepi32_ps(acc), _mm512_mul_ps(_mm512_set1_ps(a_scale), factor), y);
}

// c = fma(y, scale, residual + bias) for the channels of a tile that exist.
inline void store_result(const MatmulArgs& args, int32_t tile, int32_t m, __m512 y, __m512 scale) {
  const int32_t n = args.n - tile * kTile;
  const auto mask = n >= kTile ? static_cast<__mmask16>(0xffff) : static_cast<__mmask16>((1U << n) - 1U);
  float* out = args.c + m * args.ldc + int64_t{tile} * kTile;
  __m512 start = args.accumulate != 0 ? _mm512_maskz_loadu_ps(mask, out) : _mm512_setzero_ps();
  if (args.bias != nullptr) {
    start = _mm512_add_ps(start, _mm512_maskz_loadu_ps(mask, args.bias + int64_t{tile} * kTile));
  }
  _mm512_mask_storeu_ps(out, mask, _mm512_fmadd_ps(y, scale, start));
}

// Unrolled by name: GCC clears eight registers by a string instruction over the stack, which takes as long as four
// groups.
template <int kRows>
inline void clear(__m512 (&y)[count(kRows)]) {
#pragma GCC unroll 8
  for (int m = 0; m < kRows; ++m) y[m] = _mm512_setzero_ps();
}

// Calls kernel.run<rows>() for the number of rows that args holds, 1 to kMaxGemvRows.
template <class Kernel>
void with_row_count(const Kernel& kernel, int32_t rows) {
  switch (rows) {
    case 1:
      return kernel.template run<1>();
    case 2:
      return kernel.template run<2>();
    case 3:
      return kernel.template run<3>();
    case 4:
      return kernel.template run<4>();
    case 5:
      return kernel.template run<5>();
    case 6:
      return kernel.template run<6>();
    case 7:
      return kernel.template run<7>();
    default:
      return kernel.template run<8>();
  }
}

}  // namespace
