// SPDX-License-Identifier: Apache-2.0
//
// int8 weights times up to kMaxGemvRows rows: one sequential stream of weights, each line used for all rows.
#include "matmul_avx512.h"
#include "parts.h"

namespace {

// One group: `quads` lines from weights on. kQuads: their number where known, else 0.
template <int kRows, bool kUnsigned, FetchAhead kAhead, int kQuads>
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
    fetch_ahead_of<kAhead>(weights + 64 * j);
    for (int m = 0; m < kRows; ++m) {
      acc[m] = dot_line<kUnsigned>(acc[m], w, _mm512_set1_epi32(four_bytes(q + m * row_bytes + 4 * j)));
    }
  }
  const __m512 factor = floats_of(multipliers);
  for (int m = 0; m < kRows; ++m) y[m] = add_scaled(y[m], acc[m], float_at(scale + m * row_bytes), factor);
}

template <int kRows, bool kUnsigned, FetchAhead kAhead>
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
      fetch_ahead_of<kAhead>(weights);
      weights += 64;
    }
    add_group<kRows, kUnsigned, kAhead, 8>(weights, 8, multipliers, first, row_bytes, g, y);
    weights += 512;
    multipliers += kTile;
  }
  if (g * kScaleGroup < args.k) {
    const int32_t quads = ceil_div(args.k - g * kScaleGroup, 4);
    if (g % (kBlock / kScaleGroup) == 0) {
      multipliers = weights;
      weights += 64;
    }
    add_group<kRows, kUnsigned, FetchAhead::Nowhere, 0>(weights, quads, multipliers, first, row_bytes, g, y);
    weights += int64_t{quads} * 64;
  }
  const __m512 scale = _mm512_load_ps(weights);
  for (int m = 0; m < kRows; ++m) store_result(args, tile, m, y[m], scale);
}

template <FetchAhead kAhead>
struct Kernel {
  const MatmulArgs& args;
  int32_t tile_begin;
  int32_t tile_end;

  template <int kRows>
  void run() const {
    for (int32_t tile = tile_begin; tile < tile_end; ++tile) {
      if (args.unsigned_rows != 0) {
        multiply_tile<kRows, true, kAhead>(args, tile);
      } else {
        multiply_tile<kRows, false, kAhead>(args, tile);
      }
    }
  }
};

template <FetchAhead kAhead>
struct Gemv {
  static void multiply(const MatmulArgs* args, int32_t tile_begin, int32_t tile_end) {
    with_row_count(Kernel<kAhead>{*args, tile_begin, tile_end}, args->m);
  }
};

}  // namespace

namespace inferbench::cpu_quant {

void add_gemv_i8_avx512(KernelTable* table, FetchAhead ahead) {
  table->gemv_i8 = gemv_that_fetches<Gemv>(ahead);
}

}  // namespace inferbench::cpu_quant
