// SPDX-License-Identifier: Apache-2.0
//
// Products of many rows on AMX, in bf16: two tiles of 16 channels are expanded with their scales, once for all rows,
// and multiplied by blocks of 32 rows, whose sums stay in tile registers over all inputs. (8-bit products would need
// their sums scaled every 32 inputs, outside of the tile registers: measured, a third to a fifth as fast,
// bench/README.md.)
#include "expand_amx.h"
#include "matmul_avx512.h"
#include "parts.h"
#include "tiles_amx.h"

namespace {

constexpr int32_t kBlockTiles = kBlockColumns / kTile;

// Tiles made ready.
struct Expanded {
  const uint8_t* weights;
  int64_t tile_bytes;
  const uint8_t* packed;  // the first tile as it is in the matrix
  int64_t packed_bytes;   // of a tile there
  int32_t tile;           // number of the first one in the matrix
  bool has_scales;        // a scale per channel at a packed tile's end (int8)
};

template <bool kTwoTiles>
void multiply_rows(const MatmulArgs& args, const Expanded& tiles, int32_t row, int32_t n_rows) {
  alignas(64) float sums[kBlockRows * kBlockColumns];
  const int64_t row_bytes = bf16_row_bytes(args.k);
  const uint8_t* rows = args.rows + row * row_bytes;
  if (n_rows > 16) {
    multiply_block<true, kTwoTiles>(rows, row_bytes, tiles.weights, tiles.tile_bytes, n_groups(args.k), sums,
                                    kBlockColumns);
  } else {
    multiply_block<false, kTwoTiles>(rows, row_bytes, tiles.weights, tiles.tile_bytes, n_groups(args.k), sums,
                                     kBlockColumns);
  }
  for (int32_t t = 0; t < (kTwoTiles ? kBlockTiles : 1); ++t) {
    const uint8_t* scale = tiles.packed + t * tiles.packed_bytes + i8_tile_scale_offset(args.k);
    const __m512 channel_scale = tiles.has_scales ? _mm512_load_ps(scale) : _mm512_set1_ps(1.0F);
    for (int32_t m = 0; m < n_rows; ++m) {
      store_result(args, tiles.tile + t, row + m, _mm512_load_ps(sums + m * kBlockColumns + t * kTile), channel_scale);
    }
  }
}

template <bool kTwoTiles>
void multiply_tiles(const MatmulArgs& args, const Expanded& tiles, int32_t row_begin, int32_t row_end) {
  finish_writes();
  const int32_t rest = (row_end - row_begin) % kBlockRows;
  const int32_t whole_end = row_end - rest;
  if (row_begin < whole_end) configure(kBlockRows);
  for (int32_t row = row_begin; row < whole_end; row += kBlockRows) {
    multiply_rows<kTwoTiles>(args, tiles, row, kBlockRows);
  }
  if (rest > 0) {
    configure(rest);
    multiply_rows<kTwoTiles>(args, tiles, whole_end, rest);
  }
  _tile_release();
}

template <bool kInt4>
void gemm(const MatmulArgs* args, int32_t tile_begin, int32_t tile_end, int32_t row_begin, int32_t row_end,
          uint8_t* scratch) {
  const int64_t packed_bytes = kInt4 ? i4_tile_bytes(args->k) : i8_tile_bytes(args->k);
  const int64_t tile_bytes = expanded_tile_bytes(args->k);
  for (int32_t tile = tile_begin; tile < tile_end; tile += kBlockTiles) {
    const int32_t n_tiles = inputs_of(tile_end, tile, kBlockTiles);
    const uint8_t* packed = args->weights + tile * packed_bytes;
    for (int32_t t = 0; t < n_tiles; ++t) {
      if (kInt4) {
        expand_tile_i4(packed + t * packed_bytes, args->k, scratch + t * tile_bytes);
      } else if (args->unsigned_rows != 0) {
        expand_tile_i8<true>(packed + t * packed_bytes, args->k, scratch + t * tile_bytes);
      } else {
        expand_tile_i8<false>(packed + t * packed_bytes, args->k, scratch + t * tile_bytes);
      }
    }
    const Expanded tiles = {scratch, tile_bytes, packed, packed_bytes, tile, !kInt4};
    if (n_tiles == kBlockTiles) {
      multiply_tiles<true>(*args, tiles, row_begin, row_end);
    } else {
      multiply_tiles<false>(*args, tiles, row_begin, row_end);
    }
  }
}

}  // namespace

namespace inferbench::cpu_quant {

void add_gemm_amx(KernelTable* table) {
  table->gemm_i8 = gemm<false>;
  table->gemm_i4 = gemm<true>;
}

}  // namespace inferbench::cpu_quant
