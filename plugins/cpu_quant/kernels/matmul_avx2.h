// SPDX-License-Identifier: Apache-2.0
//
// What the AVX2 matrix products share: half a tile (8 channels) is one register.
#pragma once

#include <immintrin.h>

#include "matmul_common.h"

namespace {

constexpr int kRowBlock = 4;  // rows at once: 8 accumulators

// All bits set for the channels of half a tile that exist.
inline __m256i channels_of(const MatmulArgs& args, int32_t channel) {
  return _mm256_cmpgt_epi32(_mm256_set1_epi32(args.n - channel), _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7));
}

// c = fma(y, scale, residual + bias) for the channels from `channel` on that exist.
inline void store_result(const MatmulArgs& args, int32_t channel, int32_t m, __m256 y, __m256 scale) {
  const __m256i mask = channels_of(args, channel);
  float* out = args.c + m * args.ldc + channel;
  __m256 start = args.accumulate != 0 ? _mm256_maskload_ps(out, mask) : _mm256_setzero_ps();
  if (args.bias != nullptr) start = _mm256_add_ps(start, _mm256_maskload_ps(args.bias + channel, mask));
  _mm256_maskstore_ps(out, mask, _mm256_fmadd_ps(y, scale, start));
}

// y + acc * (a_scale * factor), the scales' product rounded first.
inline __m256 add_scaled(__m256 y, __m256i acc, float a_scale, __m256 factor) {
  return _mm256_fmadd_ps(_mm256_cvtepi32_ps(acc), _mm256_mul_ps(_mm256_set1_ps(a_scale), factor), y);
}

inline __m256i load_half(const uint8_t* p) {
  return _mm256_load_si256(reinterpret_cast<const __m256i*>(p));
}

// Runs kernel<rows>(args, tile, row) over tiles and blocks of up to kRowBlock rows; a tile stays in the cache for all
// rows.
template <class Kernel>
void for_blocks(const MatmulArgs& args, int32_t tile_begin, int32_t tile_end, int32_t row_begin, int32_t row_end,
                Kernel kernel) {
  for (int32_t tile = tile_begin; tile < tile_end; ++tile) {
    int32_t row = row_begin;
    for (; row + kRowBlock <= row_end; row += kRowBlock) kernel.template run<kRowBlock>(args, tile, row);
    switch (row_end - row) {
      case 3:
        kernel.template run<3>(args, tile, row);
        break;
      case 2:
        kernel.template run<2>(args, tile, row);
        break;
      case 1:
        kernel.template run<1>(args, tile, row);
        break;
      default:
        break;
    }
  }
}

}  // namespace
