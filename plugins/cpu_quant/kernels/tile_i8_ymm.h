// SPDX-License-Identifier: Apache-2.0
//
// A tile of int8 weights times rows, in registers of 256 bits, over Dots: how products of four bytes are added up.
//   Dots::At           where in a row the parts of a group are
//   Dots::start(row, at)                         what the sums of a row begin with
//   Dots::add_line<kRows>(line, rows, at, acc)   acc[m][half] += 4 inputs of 16 channels
// and over Weights: where the tile's numbers are.
//   Weights::groups     whole ones, of 8 lines
//   lines(g)            of a group: 16 channels of 4 inputs each
//   factor(g, half)     of the group's sums
//   scale(half)         of the result
#pragma once

#include "matmul_avx2.h"

namespace {

// One group of a tile for kRows rows: `quads` lines from weights on. kQuads: their number where known, else 0. GCC
// calls it where it is used often, and then y goes through memory.
template <class Dots, FetchAhead kAhead, int kRows, int kQuads>
[[gnu::always_inline]] inline void add_rows(const uint8_t* weights, int32_t quads, const __m256 (&factor)[2],
                                            const RowPointers<kRows>& rows, const typename Dots::At& at,
                                            __m256 (*y)[2]) {
  weights = anew(weights);
  __m256i acc[count(kRows)][2];
  for (int m = 0; m < kRows; ++m) acc[m][0] = acc[m][1] = Dots::start(rows.row[m], at);
  for (int32_t j = 0; j < (kQuads > 0 ? kQuads : quads); ++j) {
    fetch_ahead_of<kAhead>(weights + 64 * j);
    Dots::template add_line<kRows>(weights + 64 * j, rows, at.q + 4 * j, acc);
  }
  for (int m = 0; m < kRows; ++m) {
    for (int half = 0; half < 2; ++half) {
      y[m][half] = add_scaled(y[m][half], acc[m][half], float_at(rows.row[m] + at.scale), factor[half]);
    }
  }
}

// int8 as packed.
struct PackedTile {
  const uint8_t* at;
  int32_t k;
  int32_t groups;

  PackedTile(const MatmulArgs& args, int32_t tile)
      : at(args.weights + tile * i8_tile_bytes(args.k)), k(args.k), groups(args.k / kScaleGroup) {}

  [[nodiscard]] const uint8_t* lines(int32_t g) const { return at + i8_weight_offset(k, 0, g * kScaleGroup); }
  [[nodiscard]] __m256 factor(int32_t g, int half) const {
    return factors_of(at + i8_multiplier_offset(k, 0, g * kScaleGroup) + 8 * half);
  }
  [[nodiscard]] __m256 scale(int half) const {
    return _mm256_load_ps(reinterpret_cast<const float*>(at + i8_tile_scale_offset(k)) + 8 * half);
  }
};

// A tile for a block of kFirst rows and one of kSecond, group by group.
template <class Dots, FetchAhead kAhead, class Weights>
struct Tile {
  const MatmulArgs& args;
  int32_t tile;
  Weights weights;

  template <int kFirst, int kSecond>
  void run(int32_t row) const {
    const RowPointers<kFirst> first(args, row);
    const RowPointers<at_least_one(kSecond)> second(args, row + (kSecond > 0 ? kFirst : 0));
    __m256 y[count(kFirst + kSecond)][2];
    for (auto& sums : y) sums[0] = sums[1] = _mm256_setzero_ps();
    const auto add_group = [&]<int kQuads>(int32_t g, int32_t quads) {
      const uint8_t* lines = weights.lines(g);
      const __m256 factor[2] = {weights.factor(g, 0), weights.factor(g, 1)};
      add_rows<Dots, kAhead, kFirst, kQuads>(lines, quads, factor, first, typename Dots::At(args.k, g), y);
      if constexpr (kSecond > 0) {
        add_rows<Dots, FetchAhead::Nowhere, kSecond, kQuads>(lines, quads, factor, second, typename Dots::At(args.k, g),
                                                             y + kFirst);
      }
    };
    for (int32_t g = 0; g < weights.groups; ++g) add_group.template operator()<8>(g, 8);
    if (const int32_t rest = args.k - weights.groups * kScaleGroup; rest > 0) {
      add_group.template operator()<0>(weights.groups, ceil_div(rest, 4));
    }
    for (int m = 0; m < kFirst + kSecond; ++m) {
      for (int half = 0; half < 2; ++half) {
        store_result(args, tile * kTile + 8 * half, row + m, y[m][half], weights.scale(half));
      }
    }
  }
};

// Columns of packed tiles [tile_begin, tile_end) for rows [row_begin, row_end), each tile for all of them.
template <class SignedDots, class UnsignedDots, FetchAhead kAhead>
void multiply_tiles(const MatmulArgs& args, int32_t tile_begin, int32_t tile_end, int32_t row_begin, int32_t row_end) {
  for (int32_t tile = tile_begin; tile < tile_end; ++tile) {
    const PackedTile weights(args, tile);
    if (args.unsigned_rows != 0) {
      for_row_block_pairs(Tile<UnsignedDots, kAhead, PackedTile>{args, tile, weights}, row_begin, row_end);
    } else {
      for_row_block_pairs(Tile<SignedDots, kAhead, PackedTile>{args, tile, weights}, row_begin, row_end);
    }
  }
}

}  // namespace
