// SPDX-License-Identifier: Apache-2.0
//
// A panel: tiles made ready for many rows, once for all of them.
#pragma once

#include <immintrin.h>

#include "int4_avx512.h"
#include "matmul_avx512.h"

namespace {

// Prepared tiles: quads in the int8 layout, tile_bytes apart, and the multipliers as floats [tile][group][16].
struct Panel {
  const uint8_t* weights;
  int64_t tile_bytes;
  const float* factors;
  int32_t tile;     // number of the first one in the matrix
  bool has_scales;  // a scale per channel at a tile's end (int8)
};

inline void copy_multipliers(const uint8_t* tile, int32_t k, float* factors) {
  for (int32_t g = 0; g < n_groups(k); ++g) {
    _mm512_store_ps(factors + int64_t{g} * kTile, floats_of(tile + i8_multiplier_offset(k, 0, g * kScaleGroup)));
  }
}

// The first `quads` lines of a group of codes in the int8 layout.
inline void unpack_group(const uint8_t* codes, const uint8_t* multipliers, int32_t quads, uint8_t* out) {
  __m512i lines[8];
  expand_group(codes, multipliers, lines);
  for (int32_t j = 0; j < quads; ++j) _mm512_store_si512(out + 64 * j, lines[j]);
}

// A tile of int4 to quads in the int8 layout (its lines of multipliers and scales are left as they were) and factors.
inline void unpack_tile(const uint8_t* tile, int32_t k, uint8_t* quads, float* factors) {
  for (int32_t first = 0; first < k; first += kScaleGroup) {
    unpack_group(tile + i4_code_offset(k, 0, first), tile + i4_multiplier_offset(k, 0, first),
                 ceil_div(inputs_of(k, first, kScaleGroup), 4), quads + i8_weight_offset(k, 0, first));
    const auto* scale = reinterpret_cast<const float*>(tile + i4_scale_offset(k, 0, first / kSuperBlock));
    _mm512_store_ps(factors + int64_t{first} / kScaleGroup * kTile, _mm512_load_ps(scale));
  }
}

}  // namespace
