// SPDX-License-Identifier: Apache-2.0
//
// What the AVX-512 products of few rows with int4 and int5 weights share: fetching ahead, multipliers, a group, and the
// walk over a tile.
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

// One tile of weights times kRows rows. Format: kGroupBytes, tile_bytes(k), and add_group<kRows>(group, y), which adds
// a group's products to y.
template <class Format, int kRows, FetchAhead kAhead>
void multiply_tile(const MatmulArgs& args, int32_t tile) {
  const uint8_t* block = args.weights + tile * Format::tile_bytes(args.k);
  const Activations first = activations_at(args, 0);
  const int64_t row_bytes = quantized_row_bytes(args.k);
  if (kRows >= kRowsThatCompute) prefetch_results(args, tile);
  __m512 y[count(kRows)];
  clear<kRows>(y);
  for (int32_t b = 0; b < n_super_blocks(args.k); ++b) {
    const int32_t inputs = super_block_inputs(args.k, b);
    const int32_t groups = n_groups(inputs);
    const uint8_t* codes = block + i4_multiplier_bytes(inputs);
    // The bytes between the codes of two super-blocks.
    for (int j = -1; j < 2; ++j) fetch_ahead<kRows, kAhead>(block + 64 * j);
    const uint8_t* end = codes + int64_t{groups} * Format::kGroupBytes;
    const __m512 factor = _mm512_load_ps(end);
    for (int32_t g = 0; g < groups; ++g) {
      for (int j = 0; j < Format::kGroupBytes / 64; ++j) fetch_ahead<kRows, kAhead>(codes + 64 * j);
      const Group group = {codes,     block + int64_t{g} * kTile,         factor, first,
                           row_bytes, b * (kSuperBlock / kScaleGroup) + g};
      Format::template add_group<kRows>(group, y);
      codes += Format::kGroupBytes;
    }
    block = end + kScaleBytes;
  }
  for (int m = 0; m < kRows; ++m) store_result(args, tile, m, y[m], _mm512_set1_ps(1.0F));
}

template <class Format, FetchAhead kAhead>
struct TilesOf {
  const MatmulArgs& args;
  int32_t tile_begin;
  int32_t tile_end;

  template <int kRows>
  void run() const {
    for (int32_t tile = tile_begin; tile < tile_end; ++tile) multiply_tile<Format, kRows, kAhead>(args, tile);
  }
};

template <class Format, FetchAhead kAhead>
struct GemvOf {
  static void multiply(const MatmulArgs* args, int32_t tile_begin, int32_t tile_end) {
    with_row_count(TilesOf<Format, kAhead>{*args, tile_begin, tile_end}, args->m);
  }
};

}  // namespace
