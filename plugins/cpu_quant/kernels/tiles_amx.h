// SPDX-License-Identifier: Apache-2.0
//
// Products of bf16 blocks in the tile registers.
#pragma once

#include <immintrin.h>
#include <stdint.h>

namespace {

constexpr int32_t kBlockRows = 32;          // of a product's result
constexpr int32_t kBlockColumns = 32;       //
constexpr int32_t kOperandBytes = 16 * 64;  // of a tile of 16 columns and 32 inputs: [16 pairs][16 columns][2] bf16

// What ldtilecfg reads. Tile registers: 0 to 3 sums, of rows 0 to 15 in both tiles of columns, then of rows 16 to 31; 4
// and 5 the rows' inputs; 6 and 7 the columns'.
struct alignas(64) TileConfig {
  uint8_t palette = 1;
  uint8_t start_row = 0;
  uint8_t reserved[14] = {};
  uint16_t row_bytes[16] = {64, 64, 64, 64, 64, 64, 64, 64};
  uint8_t rows[16] = {};
};

// For blocks of n_rows rows.
inline void configure(int32_t n_rows) {
  const auto first = static_cast<uint8_t>(n_rows < 16 ? n_rows : 16);
  const auto second = static_cast<uint8_t>(n_rows <= 16 ? 16 : n_rows - 16);  // unused up to 16, but 0 is invalid
  TileConfig config;
  const uint8_t rows[8] = {first, first, second, second, first, second, 16, 16};
  __builtin_memcpy(config.rows, rows, sizeof(rows));
  // GCC 12's _tile_loadconfig says that it reads eight bytes.
  __asm__ volatile("ldtilecfg %0" : : "m"(config));
}

// What was written must be there for the tile loads: assembly that does not say which memory it reads.
inline void finish_writes() {
  __asm__ volatile("" ::: "memory");
}

template <bool kManyRows, bool kTwoTiles>
inline void clear_sums() {
  _tile_zero(0);
  if (kTwoTiles) _tile_zero(1);
  if (kManyRows) _tile_zero(2);
  if (kManyRows && kTwoTiles) _tile_zero(3);
}

// Whether rows are to stay in the L1 cache. Passing them by leaves it to the columns, where those are used more often
// before they leave.
enum class Rows { Kept, PassedBy };

// 32 inputs of the rows.
template <bool kManyRows, Rows kRows = Rows::Kept>
inline void load_rows(const uint8_t* rows, int64_t row_bytes) {
  if (kRows == Rows::PassedBy) {
    _tile_stream_loadd(4, rows, row_bytes);
    if (kManyRows) _tile_stream_loadd(5, rows + 16 * row_bytes, row_bytes);
  } else {
    _tile_loadd(4, rows, row_bytes);
    if (kManyRows) _tile_loadd(5, rows + 16 * row_bytes, row_bytes);
  }
}

// The operand of 16 columns and, step bytes on, that of 16 more.
template <bool kTwoTiles>
inline void load_columns(const uint8_t* columns, int64_t step) {
  _tile_loadd(6, columns, 64);
  if (kTwoTiles) _tile_loadd(7, columns + step, 64);
}

// Of what was loaded last.
template <bool kManyRows, bool kTwoTiles>
inline void add_products() {
  _tile_dpbf16ps(0, 4, 6);
  if (kTwoTiles) _tile_dpbf16ps(1, 4, 7);
  if (kManyRows) _tile_dpbf16ps(2, 5, 6);
  if (kManyRows && kTwoTiles) _tile_dpbf16ps(3, 5, 7);
}

// To rows of floats, stride floats apart.
template <bool kManyRows, bool kTwoTiles>
inline void store_sums(float* sums, int64_t stride) {
  _tile_stored(0, sums, stride * 4);
  if (kTwoTiles) _tile_stored(1, sums + 16, stride * 4);
  if (kManyRows) _tile_stored(2, sums + 16 * stride, stride * 4);
  if (kManyRows && kTwoTiles) _tile_stored(3, sums + 16 * stride + 16, stride * 4);
}

// A whole block: n operands of 32 inputs each, one after the other.
template <bool kManyRows, bool kTwoTiles, Rows kRows = Rows::Kept>
void multiply_block(const uint8_t* rows, int64_t row_bytes, const uint8_t* columns, int64_t step, int32_t n,
                    float* sums, int64_t stride) {
  clear_sums<kManyRows, kTwoTiles>();
  for (int32_t i = 0; i < n; ++i) {
    load_rows<kManyRows, kRows>(rows + int64_t{64} * i, row_bytes);
    load_columns<kTwoTiles>(columns + int64_t{kOperandBytes} * i, step);
    add_products<kManyRows, kTwoTiles>();
  }
  store_sums<kManyRows, kTwoTiles>(sums, stride);
}

}  // namespace
