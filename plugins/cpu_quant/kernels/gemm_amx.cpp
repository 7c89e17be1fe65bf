// SPDX-License-Identifier: Apache-2.0
//
// Products of many rows on AMX, in bf16: two tiles of 16 channels are expanded with their scales, once for all rows,
// and multiplied by blocks of 32 rows, whose sums stay in tile registers over all inputs. (8-bit products, whose sums
// must leave the tile registers to be scaled every 32 inputs, were half as fast: bench/README.md.)
#include "expand_amx.h"
#include "matmul_avx512.h"
#include "parts.h"
#include "tiles_amx.h"

namespace {

constexpr int32_t kBlockTiles = kBlockColumns / kTile;

// One or two tiles, packed and as the operands that they become.
template <Packed kPacked, bool kTwoTiles>
struct Tiles {
  static constexpr int32_t kTiles = kTwoTiles ? kBlockTiles : 1;

  const MatmulArgs& args;
  int32_t tile;  // number of the first one in the matrix
  uint8_t* operands;

  [[nodiscard]] int64_t operand_bytes() const { return int64_t{n_groups(args.k)} * kOperandBytes; }
  [[nodiscard]] const uint8_t* packed(int32_t t) const {
    return args.weights + (tile + t) * (kPacked == Packed::Int4 ? i4_tile_bytes(args.k) : i8_tile_bytes(args.k));
  }
  void expand(int32_t group) const {
    for (int32_t t = 0; t < kTiles; ++t) {
      expand_inputs<kPacked>(packed(t), args.k, group * kScaleGroup,
                             operands + t * operand_bytes() + int64_t{group} * kOperandBytes);
    }
  }
  [[nodiscard]] __m512 scale(int32_t t) const {
    return kPacked == Packed::Int4 ? _mm512_set1_ps(1.0F) : _mm512_load_ps(packed(t) + i8_tile_scale_offset(args.k));
  }
};

// The first block of rows: while a group is multiplied, the next but one is expanded. A tile load waits for what was
// written just before.
template <bool kManyRows, Packed kPacked, bool kTwoTiles>
void expand_and_multiply(const uint8_t* rows, const Tiles<kPacked, kTwoTiles>& tiles, float* sums) {
  constexpr int32_t kGroupsAhead = 2;
  const int32_t groups = n_groups(tiles.args.k);
  for (int32_t g = 0; g < groups && g < kGroupsAhead; ++g) tiles.expand(g);
  clear_sums<kManyRows, kTwoTiles>();
  for (int32_t g = 0; g < groups; ++g) {
    if (g + kGroupsAhead < groups) tiles.expand(g + kGroupsAhead);
    finish_writes();
    load_rows<kManyRows, Rows::PassedBy>(rows + int64_t{64} * g, bf16_row_bytes(tiles.args.k));
    load_columns<kTwoTiles>(tiles.operands + int64_t{kOperandBytes} * g, tiles.operand_bytes());
    add_products<kManyRows, kTwoTiles>();
  }
  store_sums<kManyRows, kTwoTiles>(sums, kBlockColumns);
}

// The lines of a block's result, which would be waited for when it is written.
inline void fetch_result(const MatmulArgs& args, int32_t tile, int32_t row, int32_t n_rows) {
  const float* c = args.c + row * args.ldc + int64_t{tile} * kTile;
  for (int32_t m = 0; m < n_rows; ++m) {
    __builtin_prefetch(c + m * args.ldc, 1);
    __builtin_prefetch(c + m * args.ldc + kTile, 1);
  }
}

// c = fma(sums, scale, (c or 0) + bias) for a tile's channels in n_rows rows. kWhole: all channels exist.
template <bool kWhole, bool kAccumulate>
inline void store_tile(const MatmulArgs& args, int32_t tile, int32_t row, int32_t n_rows, const float* sums,
                       __m512 scale) {
  const auto mask = static_cast<__mmask16>(kWhole ? 0xffffU : (1U << (args.n - tile * kTile)) - 1U);
  const __m512 bias =
      args.bias == nullptr ? _mm512_setzero_ps() : _mm512_maskz_loadu_ps(mask, args.bias + int64_t{tile} * kTile);
  float* c = args.c + row * args.ldc + int64_t{tile} * kTile;
  for (int32_t m = 0; m < n_rows; ++m, c += args.ldc, sums += kBlockColumns) {
    const __m512 start = kAccumulate ? _mm512_add_ps(_mm512_maskz_loadu_ps(mask, c), bias) : bias;
    _mm512_mask_storeu_ps(c, mask, _mm512_fmadd_ps(_mm512_load_ps(sums), scale, start));
  }
}

inline void store_tile(const MatmulArgs& args, int32_t tile, int32_t row, int32_t n_rows, const float* sums,
                       __m512 scale) {
  const bool whole = args.n - tile * kTile >= kTile;
  if (args.accumulate != 0) {
    return whole ? store_tile<true, true>(args, tile, row, n_rows, sums, scale)
                 : store_tile<false, true>(args, tile, row, n_rows, sums, scale);
  }
  return whole ? store_tile<true, false>(args, tile, row, n_rows, sums, scale)
               : store_tile<false, false>(args, tile, row, n_rows, sums, scale);
}

template <bool kManyRows, Packed kPacked, bool kTwoTiles>
void multiply_rows(const Tiles<kPacked, kTwoTiles>& tiles, int32_t row, int32_t n_rows, bool first) {
  alignas(64) float sums[kBlockRows * kBlockColumns];
  const MatmulArgs& args = tiles.args;
  const uint8_t* rows = args.rows + row * bf16_row_bytes(args.k);
  if (first) {
    expand_and_multiply<kManyRows>(rows, tiles, sums);
  } else {
    fetch_result(args, tiles.tile, row, n_rows);
    multiply_block<kManyRows, kTwoTiles, Rows::PassedBy>(rows, bf16_row_bytes(args.k), tiles.operands,
                                                         tiles.operand_bytes(), n_groups(args.k), sums, kBlockColumns);
  }
  for (int32_t t = 0; t < tiles.kTiles; ++t) {
    store_tile(args, tiles.tile + t, row, n_rows, sums + t * kTile, tiles.scale(t));
  }
}

template <Packed kPacked, bool kTwoTiles>
void multiply_tiles(const Tiles<kPacked, kTwoTiles>& tiles, int32_t row_begin, int32_t row_end) {
  const int32_t rest = (row_end - row_begin) % kBlockRows;
  const int32_t whole_end = row_end - rest;
  if (row_begin < whole_end) configure(kBlockRows);
  for (int32_t row = row_begin; row < whole_end; row += kBlockRows) {
    multiply_rows<true>(tiles, row, kBlockRows, row == row_begin);
  }
  if (rest == 0) return;
  configure(rest);
  if (rest > 16) {
    multiply_rows<true>(tiles, whole_end, rest, row_begin == whole_end);
  } else {
    multiply_rows<false>(tiles, whole_end, rest, row_begin == whole_end);
  }
}

template <Packed kPacked>
void multiply(const MatmulArgs& args, int32_t tile_begin, int32_t tile_end, int32_t row_begin, int32_t row_end,
              uint8_t* scratch) {
  int32_t tile = tile_begin;
  for (; tile + kBlockTiles <= tile_end; tile += kBlockTiles) {
    multiply_tiles(Tiles<kPacked, true>{args, tile, scratch}, row_begin, row_end);
  }
  if (tile < tile_end) multiply_tiles(Tiles<kPacked, false>{args, tile, scratch}, row_begin, row_end);
  _tile_release();
}

void gemm_i8(const MatmulArgs* args, int32_t tile_begin, int32_t tile_end, int32_t row_begin, int32_t row_end,
             uint8_t* scratch) {
  if (args->unsigned_rows != 0) {
    multiply<Packed::Int8Signed>(*args, tile_begin, tile_end, row_begin, row_end, scratch);
  } else {
    multiply<Packed::Int8>(*args, tile_begin, tile_end, row_begin, row_end, scratch);
  }
}

void gemm_i4(const MatmulArgs* args, int32_t tile_begin, int32_t tile_end, int32_t row_begin, int32_t row_end,
             uint8_t* scratch) {
  multiply<Packed::Int4>(*args, tile_begin, tile_end, row_begin, row_end, scratch);
}

}  // namespace

namespace inferbench::cpu_quant {

void add_gemm_amx(KernelTable* table) {
  table->gemm_i8 = gemm_i8;
  table->gemm_i4 = gemm_i4;
}

}  // namespace inferbench::cpu_quant
