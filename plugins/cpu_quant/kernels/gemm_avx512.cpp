// SPDX-License-Identifier: Apache-2.0
//
// int8 weights times many rows, and int4 weights by way of int8: register tiles of up to 6 rows x 32 channels, 12
// integer accumulators for a group and 12 float ones for the result, so that nothing but operands moves.
#include "matmul_avx512.h"
#include "panel_avx512.h"
#include "parts.h"

namespace {

constexpr int kTileRows = 6;
constexpr int kTileTiles = 2;

// One group of a panel: `quads` lines from weights on. kQuads: their number where known, else 0.
template <int kRows, int kTiles, bool kUnsigned, int kQuads>
inline void add_group(const uint8_t* weights, int64_t tile_bytes, int32_t quads, const float* factors,
                      int64_t factors_step, const Activations& first, int64_t row_bytes, int32_t g,
                      __m512 (&y)[count(kRows)][count(kTiles)]) {
  const auto* q = reinterpret_cast<const uint8_t*>(first.q) + int64_t{g} * kScaleGroup;
  const auto* offset = reinterpret_cast<const uint8_t*>(first.offset + g);
  const auto* scale = reinterpret_cast<const uint8_t*>(first.scale + g);
  __m512i acc[count(kRows)][count(kTiles)];
  for (int m = 0; m < kRows; ++m) {
    const __m512i start = kUnsigned ? _mm512_setzero_si512() : _mm512_set1_epi32(four_bytes(offset + m * row_bytes));
    for (int t = 0; t < kTiles; ++t) acc[m][t] = start;
  }
  for (int j = 0; j < (kQuads > 0 ? kQuads : quads); ++j) {
    __m512i w[count(kTiles)];
    for (int t = 0; t < kTiles; ++t) w[t] = _mm512_load_si512(weights + t * tile_bytes + 64 * j);
    for (int m = 0; m < kRows; ++m) {
      const __m512i a = _mm512_set1_epi32(four_bytes(q + m * row_bytes + 4 * j));
      for (int t = 0; t < kTiles; ++t) acc[m][t] = dot_line<kUnsigned>(acc[m][t], w[t], a);
    }
  }
  for (int t = 0; t < kTiles; ++t) {
    const __m512 factor = _mm512_load_ps(factors + t * factors_step);
    for (int m = 0; m < kRows; ++m) {
      y[m][t] = add_scaled(y[m][t], acc[m][t], float_at(scale + m * row_bytes), factor);
    }
  }
}

template <int kRows, int kTiles, bool kUnsigned>
void multiply_tile(const MatmulArgs& args, const Panel& panel, int32_t row) {
  const int64_t row_bytes = quantized_row_bytes(args.k);
  const Activations first = activations_at(args, row);
  const int64_t factors_step = int64_t{n_groups(args.k)} * kTile;
  __m512 y[count(kRows)][count(kTiles)];
  for (int m = 0; m < kRows; ++m) {
    for (int t = 0; t < kTiles; ++t) y[m][t] = _mm512_setzero_ps();
  }
  const uint8_t* weights = panel.weights;
  const float* factors = panel.factors;
  const int32_t full = args.k / kScaleGroup;
  int32_t g = 0;
  for (; g < full; ++g) {
    if (g % (kBlock / kScaleGroup) == 0) weights += 64;
    add_group<kRows, kTiles, kUnsigned, 8>(weights, panel.tile_bytes, 8, factors, factors_step, first, row_bytes, g, y);
    weights += 512;
    factors += kTile;
  }
  if (g * kScaleGroup < args.k) {
    if (g % (kBlock / kScaleGroup) == 0) weights += 64;
    add_group<kRows, kTiles, kUnsigned, 0>(weights, panel.tile_bytes, ceil_div(args.k - g * kScaleGroup, 4), factors,
                                           factors_step, first, row_bytes, g, y);
  }
  for (int t = 0; t < kTiles; ++t) {
    const uint8_t* end = panel.weights + t * panel.tile_bytes + i8_tile_scale_offset(args.k);
    const __m512 scale = panel.has_scales ? _mm512_load_ps(end) : _mm512_set1_ps(1.0F);
    for (int m = 0; m < kRows; ++m) store_result(args, panel.tile + t, row + m, y[m][t], scale);
  }
}

template <int kTiles, bool kUnsigned>
void multiply_panel(const MatmulArgs& args, const Panel& panel, int32_t row, int32_t row_end) {
  for (; row + kTileRows <= row_end; row += kTileRows) multiply_tile<kTileRows, kTiles, kUnsigned>(args, panel, row);
  switch (row_end - row) {
    case 5:
      return multiply_tile<5, kTiles, kUnsigned>(args, panel, row);
    case 4:
      return multiply_tile<4, kTiles, kUnsigned>(args, panel, row);
    case 3:
      return multiply_tile<3, kTiles, kUnsigned>(args, panel, row);
    case 2:
      return multiply_tile<2, kTiles, kUnsigned>(args, panel, row);
    case 1:
      return multiply_tile<1, kTiles, kUnsigned>(args, panel, row);
    default:
      return;
  }
}

template <bool kUnsigned>
void multiply_panels(const MatmulArgs& args, Panel panel, int32_t tiles, int32_t row_begin, int32_t row_end) {
  const int64_t factors_step = int64_t{n_groups(args.k)} * kTile;
  for (; tiles >= kTileTiles; tiles -= kTileTiles) {
    multiply_panel<kTileTiles, kUnsigned>(args, panel, row_begin, row_end);
    panel.weights += kTileTiles * panel.tile_bytes;
    panel.factors += kTileTiles * factors_step;
    panel.tile += kTileTiles;
  }
  if (tiles > 0) multiply_panel<1, kUnsigned>(args, panel, row_begin, row_end);
}

void gemm_i8(const MatmulArgs* args, int32_t tile_begin, int32_t tile_end, int32_t row_begin, int32_t row_end,
             uint8_t* scratch) {
  const int64_t tile_bytes = i8_tile_bytes(args->k);
  auto* factors = reinterpret_cast<float*>(scratch);
  for (int32_t tile = tile_begin; tile < tile_end; tile += kPanelTiles) {
    const int32_t tiles = inputs_of(tile_end, tile, kPanelTiles);
    const uint8_t* weights = args->weights + tile * tile_bytes;
    for (int32_t t = 0; t < tiles; ++t) {
      copy_multipliers(weights + t * tile_bytes, args->k, factors + int64_t{t} * n_groups(args->k) * kTile);
    }
    const Panel panel = {weights, tile_bytes, factors, tile, true};
    if (args->unsigned_rows != 0) {
      multiply_panels<true>(*args, panel, tiles, row_begin, row_end);
    } else {
      multiply_panels<false>(*args, panel, tiles, row_begin, row_end);
    }
  }
}

void gemm_i4(const MatmulArgs* args, int32_t tile_begin, int32_t tile_end, int32_t row_begin, int32_t row_end,
             uint8_t* scratch) {
  const int64_t tile_bytes = i8_tile_bytes(args->k);
  auto* factors = reinterpret_cast<float*>(scratch + kPanelTiles * tile_bytes);
  for (int32_t tile = tile_begin; tile < tile_end; tile += kPanelTiles) {
    const int32_t tiles = inputs_of(tile_end, tile, kPanelTiles);
    for (int32_t t = 0; t < tiles; ++t) {
      unpack_tile(args->weights + (tile + t) * i4_tile_bytes(args->k), args->k, scratch + t * tile_bytes,
                  factors + int64_t{t} * n_groups(args->k) * kTile);
    }
    multiply_panels<false>(*args, {scratch, tile_bytes, factors, tile, false}, tiles, row_begin, row_end);
  }
}

}  // namespace

namespace inferbench::cpu_quant {

void add_gemm_avx512(KernelTable* table) {
  table->gemm_i8 = gemm_i8;
  table->gemm_i4 = gemm_i4;
}

}  // namespace inferbench::cpu_quant
