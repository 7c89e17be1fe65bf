// SPDX-License-Identifier: Apache-2.0
//
// What the AVX-512 products of few rows with int4 and int5 weights share: fetching ahead, multipliers, a group.
#pragma once

#include "matmul_avx512.h"
#include "parts.h"

namespace {

// From this many rows on, computing on a line of weights takes longer than the memory needs to bring the next, and no
// processor's own prefetchers run far enough ahead; with fewer, some do (measured, bench/README.md).
constexpr int kRowsThatCompute = 4;

template <int kRows, FetchAhead kAhead>
inline void fetch_ahead(const uint8_t* line) {
  if (kRows >= kRowsThatCompute) {
    __builtin_prefetch(line + 4096, 0, 3);
  } else {
    fetch_ahead_of<kAhead>(line);
  }
}

// The lines of c that a tile will write, which another thread may have had last.
inline void prefetch_results(const MatmulArgs& args, int32_t tile) {
  for (int32_t m = 0; m < args.m; ++m) __builtin_prefetch(args.c + m * args.ldc + int64_t{tile} * kTile, 1, 3);
}

// Multipliers of a group: per channel two 16-bit numbers, 1 to 16.
inline __m512i multipliers_of(const uint8_t* p) {
  const __m512i m = _mm512_cvtepu8_epi32(_mm_load_si128(reinterpret_cast<const __m128i*>(p)));
  const __m512i both = _mm512_or_si512(m, _mm512_slli_epi32(m, 12));
  return _mm512_add_epi32(_mm512_and_si512(both, _mm512_set1_epi32(0x000f000f)), _mm512_set1_epi32(0x00010001));
}

// Group g of a tile and the activations that belong to it.
struct Group {
  const uint8_t* codes;
  const uint8_t* multipliers;
  __m512 factor;
  const Activations& first;
  int64_t row_bytes;
  int32_t g;
};

}  // namespace
