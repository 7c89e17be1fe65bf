// SPDX-License-Identifier: Apache-2.0
//
// int8 weights times up to kMaxGemvRows rows: one sequential stream of weights, each line used for all rows. With
// kFar, lines are fetched far ahead of their use; without, one stream is what a processor's own prefetchers are best at
// (measured, bench/README.md).
#include "matmul_avx512.h"
#include "parts.h"

namespace {

// One group: `quads` lines from weights on. kQuads: their number where known, else 0.
template <int kRows, bool kUnsigned, bool kFar, int kQuads>
inline void add_group(const uint8_t* weights, int32_t quads, const uint8_t* multipliers, const Activations& first,
                      int64_t row_bytes, int32_t g, __m512 (&y)[count(kRows)]) {
  __m512i acc[count(kRows)];
  const auto* q = reinterpret_cast<const uint8_t*>(first.q) + int64_t{g} * kScaleGroup;
  const auto* offset = reinterpret_cast<const uint8_t*>(first.offset + g);
  const auto* scale = reinterpret_cast<const uint8_t*>(first.scale + g);
  for (int m = 0; m < kRows; ++m) {
    acc[m] = kUnsigned ? _mm512_setzero_si512() : _mm512_set1_epi32(four_bytes(offset + m * row_bytes));
  }
  for (int j = 0; j < (kQuads > 0 ? kQuads : quads); ++j) {
    const __m512i w = _mm512_load_si512(weights + 64 * j);
    if (kFar) fetch(weights + kFarBytes + 64 * j);
    for (int m = 0; m < kRows; ++m) {
      acc[m] = dot_line<kUnsigned>(acc[m], w, _mm512_set1_epi32(four_bytes(q + m * row_bytes + 4 * j)));
    }
  }
  const __m512 factor = floats_of(multipliers);
  for (int m = 0; m < kRows; ++m) y[m] = add_scaled(y[m], acc[m], float_at(scale + m * row_bytes), factor);
}

template <int kRows, bool kUnsigned, bool kFar>
void multiply_tile(const MatmulArgs& args, int32_t tile) {
  const uint8_t* weights = args.weights + tile * i8_tile_bytes(args.k);
  const Activations first = activations_at(args, 0);
  const int64_t row_bytes = quantized_row_bytes(args.k);
  __m512 y[count(kRows)];
  clear<kRows>(y);
  const int32_t full = args.k / kScaleGroup;
  const uint8_t* multipliers = weights;
  int32_t g = 0;
  for (; g < full; ++g) {
    if (g % (kBlock / kScaleGroup) == 0) {
      multipliers = weights;
      if (kFar) fetch(weights + kFarBytes);
      weights += 64;
    }
    add_group<kRows, kUnsigned, kFar, 8>(weights, 8, multipliers, first, row_bytes, g, y);
    weights += 512;
    multipliers += kTile;
  }
  if (g * kScaleGroup < args.k) {
    const int32_t quads = pieces(args.k - g * kScaleGroup, 4);
    if (g % (kBlock / kScaleGroup) == 0) {
      multipliers = weights;
      weights += 64;
    }
    add_group<kRows, kUnsigned, false, 0>(weights, quads, multipliers, first, row_bytes, g, y);
    weights += int64_t{quads} * 64;
  }
  const __m512 scale = _mm512_load_ps(weights);
  for (int m = 0; m < kRows; ++m) store_result(args, tile, m, y[m], scale);
}

template <bool kFar>
struct Kernel {
  const MatmulArgs& args;
  int32_t tile_begin;
  int32_t tile_end;

  template <int kRows>
  void run() const {
    for (int32_t tile = tile_begin; tile < tile_end; ++tile) {
      if (args.unsigned_rows != 0) {
        multiply_tile<kRows, true, kFar>(args, tile);
      } else {
        multiply_tile<kRows, false, kFar>(args, tile);
      }
    }
  }
};

template <bool kFar>
void gemv_i8(const MatmulArgs* args, int32_t tile_begin, int32_t tile_end) {
  with_row_count(Kernel<kFar>{*args, tile_begin, tile_end}, args->m);
}

}  // namespace

namespace inferbench::cpu_quant {

void add_gemv_i8_avx512(KernelTable* table, bool fetch_far) {
  table->gemv_i8 = fetch_far ? gemv_i8<true> : gemv_i8<false>;
}

}  // namespace inferbench::cpu_quant
