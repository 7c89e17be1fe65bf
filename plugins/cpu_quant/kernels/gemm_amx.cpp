// SPDX-License-Identifier: Apache-2.0
//
// Products of many rows on AMX. One tile multiplication makes the sums of a group for 16 rows and 16 channels; they go
// through memory, since tile and vector registers share none, and are scaled as everywhere: y of 16 x 16 stays in
// vector registers. While a group's sums are scaled, those of the next but one are made (measured, bench/README.md).
//
// A tile of weights is a group of a panel as it is: 8 lines of 16 channels of 4 inputs.
#include "matmul_avx512.h"
#include "panel_avx512.h"
#include "parts.h"

namespace {

constexpr int kTileRows = 16;
constexpr int32_t kSums = kTileRows * kTile;
constexpr int32_t kGroupsAhead = 2;
constexpr int32_t kSumsAtOnce = 4;
static_assert(kSumsAtOnce > kGroupsAhead);  // those of a group are scaled after later ones were made
constexpr int32_t kPrefetchBytes = 2048;    // ahead, from the L2 cache to the L1 cache

// What ldtilecfg reads. Tile registers: 0 sums; 2 activations and 3 weights of a whole group; 4 and 5 those of a last
// group with fewer inputs.
struct alignas(64) TileConfig {
  uint8_t palette = 1;
  uint8_t start_row = 0;
  uint8_t reserved[14] = {};
  uint16_t row_bytes[16] = {};
  uint8_t rows[16] = {};

  void set(int tile, int32_t n_rows, int32_t bytes) {
    rows[tile] = static_cast<uint8_t>(n_rows);
    row_bytes[tile] = static_cast<uint16_t>(bytes);
  }
};

// For blocks of n_rows rows.
void configure(int32_t n_rows, int32_t k) {
  TileConfig config;
  config.set(0, n_rows, 64);
  config.set(2, n_rows, kScaleGroup);
  config.set(3, kScaleGroup / 4, 64);
  const int32_t quads = pieces(k % kScaleGroup, 4);
  if (quads > 0) {
    config.set(4, n_rows, 4 * quads);
    config.set(5, quads, 64);
  }
  // GCC 12's _tile_loadconfig says that it reads eight bytes.
  __asm__ volatile("ldtilecfg %0" : : "m"(config));
}

// What was written must be there for the tile loads: assembly that does not say which memory it reads.
inline void finish_writes() {
  __asm__ volatile("" ::: "memory");
}

using Sums = int32_t[kSums];

// _tile_stored says that it may write any memory, and so GCC would keep y there.
inline void store_sums(Sums& sums) {
  __asm__ volatile("tilestored\t{%%tmm0, (%1,%2,1)|[%1+%2*1], tmm0}"
                   : "=m"(sums)
                   : "r"(&sums), "r"(int64_t{kTile * 4}));
}

// Sums of the group whose activations and weights begin at q and weights.
template <bool kUnsigned>
inline void make_sums(const uint8_t* q, int64_t row_bytes, const uint8_t* weights, Sums& sums) {
  _tile_zero(0);
  _tile_loadd(2, q, row_bytes);
  _tile_loadd(3, weights, 64);
  if (kUnsigned) {
    _tile_dpbusd(0, 2, 3);
  } else {
    _tile_dpbssd(0, 2, 3);
  }
  store_sums(sums);
}

template <bool kUnsigned>
inline void make_last_sums(const uint8_t* q, int64_t row_bytes, const uint8_t* weights, Sums& sums) {
  _tile_zero(0);
  _tile_loadd(4, q, row_bytes);
  _tile_loadd(5, weights, 64);
  if (kUnsigned) {
    _tile_dpbusd(0, 4, 5);
  } else {
    _tile_dpbssd(0, 4, 5);
  }
  store_sums(sums);
}

// Rows of a block: all 16, or fewer.
template <bool kWhole>
struct Rows {
  int32_t n;
  [[nodiscard]] bool has(int m) const { return kWhole || m < n; }
};

// y += sums * scales. scale: of the block's first row in this group.
template <bool kWhole>
inline void add_sums(const Sums& sums, const uint8_t* scale, int64_t row_bytes, __m512 factor, Rows<kWhole> rows,
                     __m512 (&y)[kTileRows]) {
  const uint8_t* third = scale;  // of every third row: an address adds once or twice row_bytes for free
#pragma GCC unroll 16
  for (int m = 0; m < kTileRows; ++m) {
    if (m > 0 && m % 3 == 0) third += 3 * row_bytes;
    if (!rows.has(m)) continue;
    y[m] = add_scaled(y[m], _mm512_load_si512(sums + m * kTile), float_at(third + m % 3 * row_bytes), factor);
  }
}

// Rows [row, row + rows.n) of the panel's tile t.
template <bool kUnsigned, bool kWhole>
void multiply_block(const MatmulArgs& args, const Panel& panel, int32_t t, int32_t row, Rows<kWhole> rows) {
  alignas(64) Sums sums[kSumsAtOnce];
  const int64_t row_bytes = quantized_row_bytes(args.k);
  const Activations first = activations_at(args, row);
  const auto* q = reinterpret_cast<const uint8_t*>(first.q);
  const auto* scale = reinterpret_cast<const uint8_t*>(first.scale);
  const uint8_t* tile = panel.weights + t * panel.tile_bytes;
  const float* factors = panel.factors + int64_t{t} * n_groups(args.k) * kTile;
  const int32_t groups = n_groups(args.k);
  const auto make = [&](int32_t g) {
    const uint8_t* weights = tile + i8_weight_offset(args.k, 0, g * kScaleGroup);
    for (int j = 0; j < 8; ++j) __builtin_prefetch(weights + kPrefetchBytes + 64 * j, 0, 3);
    if (args.k - g * kScaleGroup >= kScaleGroup) {
      make_sums<kUnsigned>(q + int64_t{g} * kScaleGroup, row_bytes, weights, sums[g % kSumsAtOnce]);
    } else {
      make_last_sums<kUnsigned>(q + int64_t{g} * kScaleGroup, row_bytes, weights, sums[g % kSumsAtOnce]);
    }
  };
  __m512 y[kTileRows];
#pragma GCC unroll 16
  for (int m = 0; m < kTileRows; ++m) y[m] = _mm512_setzero_ps();
  for (int32_t g = 0; g < groups && g < kGroupsAhead; ++g) make(g);
  for (int32_t g = 0; g < groups; ++g) {
    if (g + kGroupsAhead < groups) make(g + kGroupsAhead);
    add_sums(sums[g % kSumsAtOnce], scale + int64_t{g} * 4, row_bytes, _mm512_load_ps(factors + int64_t{g} * kTile),
             rows, y);
  }
  const __m512 channel_scale =
      panel.has_scales ? _mm512_load_ps(tile + i8_tile_scale_offset(args.k)) : _mm512_set1_ps(1.0F);
#pragma GCC unroll 16
  for (int m = 0; m < kTileRows; ++m) {
    if (rows.has(m)) store_result(args, panel.tile + t, row + m, y[m], channel_scale);
  }
}

template <bool kUnsigned>
void multiply_panel(const MatmulArgs& args, const Panel& panel, int32_t tiles, int32_t row_begin, int32_t row_end) {
  finish_writes();
  const int32_t rest = (row_end - row_begin) % kTileRows;
  const int32_t whole_end = row_end - rest;
  if (row_begin < whole_end) configure(kTileRows, args.k);
  for (int32_t row = row_begin; row < whole_end; row += kTileRows) {
    for (int32_t t = 0; t < tiles; ++t) multiply_block<kUnsigned>(args, panel, t, row, Rows<true>{kTileRows});
  }
  if (rest > 0) {
    configure(rest, args.k);
    for (int32_t t = 0; t < tiles; ++t) multiply_block<kUnsigned>(args, panel, t, whole_end, Rows<false>{rest});
  }
  _tile_release();
}

// A tile of int8 with value + 128 for each weight to one with the values.
void copy_signed(const uint8_t* tile, int32_t k, uint8_t* out) {
  for (int32_t first = 0; first < k; first += kBlock) {
    const int64_t at = i8_weight_offset(k, 0, first);
    const int32_t quads = pieces(inputs_of(k, first, kBlock), 4);
    for (int32_t j = 0; j < quads; ++j) {
      const __m512i line = _mm512_load_si512(tile + at + int64_t{64} * j);
      _mm512_store_si512(out + at + int64_t{64} * j, line_of<Weights::Signed>(line));
    }
  }
  const int64_t scales = i8_tile_scale_offset(k);
  _mm512_store_si512(out + scales, _mm512_load_si512(tile + scales));
}

void gemm_i8(const MatmulArgs* args, int32_t tile_begin, int32_t tile_end, int32_t row_begin, int32_t row_end,
             uint8_t* scratch) {
  const int64_t tile_bytes = i8_tile_bytes(args->k);
  auto* factors = reinterpret_cast<float*>(scratch + kPanelTiles * tile_bytes);
  const int64_t factors_step = int64_t{n_groups(args->k)} * kTile;
  for (int32_t tile = tile_begin; tile < tile_end; tile += kPanelTiles) {
    const int32_t tiles = inputs_of(tile_end, tile, kPanelTiles);
    const uint8_t* weights = args->weights + tile * tile_bytes;
    for (int32_t t = 0; t < tiles; ++t) copy_multipliers(weights + t * tile_bytes, args->k, factors + t * factors_step);
    if (args->unsigned_rows != 0) {
      multiply_panel<true>(*args, {weights, tile_bytes, factors, tile, true}, tiles, row_begin, row_end);
    } else {
      for (int32_t t = 0; t < tiles; ++t) copy_signed(weights + t * tile_bytes, args->k, scratch + t * tile_bytes);
      multiply_panel<false>(*args, {scratch, tile_bytes, factors, tile, true}, tiles, row_begin, row_end);
    }
  }
}

void gemm_i4(const MatmulArgs* args, int32_t tile_begin, int32_t tile_end, int32_t row_begin, int32_t row_end,
             uint8_t* scratch) {
  const int64_t tile_bytes = i8_tile_bytes(args->k);
  auto* factors = reinterpret_cast<float*>(scratch + kPanelTiles * tile_bytes);
  const int64_t factors_step = int64_t{n_groups(args->k)} * kTile;
  for (int32_t tile = tile_begin; tile < tile_end; tile += kPanelTiles) {
    const int32_t tiles = inputs_of(tile_end, tile, kPanelTiles);
    for (int32_t t = 0; t < tiles; ++t) {
      unpack_tile<Weights::Signed>(args->weights + (tile + t) * i4_tile_bytes(args->k), args->k,
                                   scratch + t * tile_bytes, factors + t * factors_step);
    }
    multiply_panel<false>(*args, {scratch, tile_bytes, factors, tile, false}, tiles, row_begin, row_end);
  }
}

}  // namespace

namespace inferbench::cpu_quant {

void add_gemm_amx(KernelTable* table) {
  table->gemm_i8 = gemm_i8;
  table->gemm_i4 = gemm_i4;
}

}  // namespace inferbench::cpu_quant
