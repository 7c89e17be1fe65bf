// SPDX-License-Identifier: Apache-2.0
//
// The products of a block's tiles with the activations, from the stages of the ring. See step_plan.hpp.
#pragma once

#include "kernel_math.cuh"
#include "step_codes.cuh"
#include "step_plan.hpp"
#include "step_ring.cuh"

namespace inferbench::cuda_backend {

/// This warp's share of a tile's products with all rows: of mma.m16n8k16's accumulators, lane 4 r + c has rows r
/// (sum[0], sum[1]) and r + 8 of the tile for activation rows 2 c and 2 c + 1. `x`: [n_rows][part_inputs + kRowPad] in
/// shared memory. Quantized weights become bfloat16.
template <typename T, Format kFormat>
__device__ __forceinline__ void multiply_chunks(RingPlace& ring, const StreamShape& shape, const T* x, int n_rows,
                                                int warp, float (&sum)[4]) {
  const int lane = threadIdx.x % kWarp;
  const int r = lane / 4;
  const int c = lane % 4;
  const bool has_x = r < n_rows;
  const T* mine = x + (has_x ? r : 0) * (shape.part_inputs + kRowPad) + 8 * c;
  float odd[4] = {};  // two sums, so that products need not wait for each other
#pragma unroll
  for (int i = 0; i < 4; ++i) sum[i] = 0;
#pragma unroll 1
  for (int begin = 0; begin < shape.units; begin += shape.per_chunk) {
    const int n_units = min(shape.per_chunk, shape.units - begin);
    ring.wait_full();
    const std::byte* stage = ring.stage();
    if constexpr (is_quantized(kFormat)) {
      for (int unit = (warp - begin) & (kStepWarps - 1); unit < n_units; unit += kStepWarps) {
        multiply_tile<kFormat>(sum, stage + unit * tile_bytes(kFormat), mine + (begin + unit) * kTileInputs, has_x);
      }
    } else {
      const int row_bytes = n_units * kPlainInputs * 2 + kChunkPad;
      const std::byte* low_row = stage + r * row_bytes + c * 16;
      const std::byte* high_row = low_row + 8 * row_bytes;
      const T* values = mine + begin * kPlainInputs;
#pragma unroll 2
      for (int step = (warp - 2 * begin) & (kStepWarps - 1); step < n_units * 2; step += kStepWarps) {
        const uint4 low = *reinterpret_cast<const uint4*>(low_row + step * 64);
        const uint4 high = *reinterpret_cast<const uint4*>(high_row + step * 64);
        const uint4 b = has_x ? *reinterpret_cast<const uint4*>(values + step * 32) : uint4{};
        multiply<T>(sum, low.x, high.x, low.y, high.y, b.x, b.y);
        multiply<T>(odd, low.z, high.z, low.w, high.w, b.z, b.w);
      }
    }
    give_back(ring, lane);
  }
#pragma unroll
  for (int i = 0; i < 4; ++i) sum[i] += odd[i];
}

/// What a thread adds up in a round: value (tile, row, activation row).
template <bool kOneRow>
struct RoundPlace {
  int shift;  // activation rows count as 1 << shift
  int tile;   // of the round
  int row;    // of the tile
  int n;

  __device__ explicit RoundPlace(int n_rows) {
    const int thread = static_cast<int>(threadIdx.x);
    shift = kOneRow || n_rows == 1 ? 0 : 32 - __clz(n_rows - 1);
    n = kOneRow ? 0 : thread & ((1 << shift) - 1);
    row = (thread >> shift) % kTileRows;
    tile = (thread >> shift) / kTileRows;
  }
  __device__ int tiles() const { return (kRoundValues / kTileRows) >> shift; }
  __device__ int part(int tile_of_round, int warp, int row_of_tile) const {
    return ((tile_of_round * kStepWarps + warp) * kTileRows + row_of_tile) << shift;
  }
};

/// Goes through this block's items of a product, as many in a round as give each thread a value to add up; warps meet
/// once a round. `x`: the part of the activations, which `load(has_items)` waits for and brings there; it is called by
/// blocks without items, too. `before(tile, row)` fetches meanwhile what `finish(has_value, tile, row, n, value,
/// partner, fetched)` needs. `partner` is the value of row + 8, for rows below 8. Whole warps call `finish`.
template <typename T, Format kFormat, bool kOneRow, typename Before, typename Load, typename Finish>
__device__ __forceinline__ void run_items(RingPlace& ring, const StreamShape& shape, const ItemRange& items, T* x,
                                          int n_rows, int warp, float* reduce, Before before, Load load,
                                          Finish finish) {
  const int lane = threadIdx.x % kWarp;
  const RoundPlace<kOneRow> place(n_rows);
  int parity = 0;
  int tile = items.tile;
#pragma unroll 1
  do {
    const int mine = tile + place.tile * items.step;
    const bool has_value = mine < shape.row_tiles && place.tile < place.tiles() && place.n < n_rows;
    decltype(before(0, 0)) fetched{};
    if (has_value) fetched = before(mine, place.row);
    if (tile == items.tile) {
      const bool has_items = tile < shape.row_tiles;
      load(has_items);
      if (!has_items) return;
    }
    // Two buffers in turn: a warp may be a round ahead of those that still add up.
    float* parts = reduce + parity * kStepWarps * kRoundValues;
    parity ^= 1;
#pragma unroll 1
    for (int i = 0; i < place.tiles() && tile < shape.row_tiles; ++i, tile += items.step) {
      float sum[4];
      multiply_chunks<T, kFormat>(ring, shape, x, n_rows, warp, sum);
      const int n = lane % 4 * 2;
      float* low = parts + place.part(i, warp, lane / 4) + n;
      float* high = parts + place.part(i, warp, lane / 4 + 8) + n;
      if (n < n_rows) *low = sum[0], *high = sum[2];
      if (!kOneRow && n + 1 < n_rows) low[1] = sum[1], high[1] = sum[3];
    }
    sync_consumers();
    if (__any_sync(kAllLanes, has_value)) {
      float value = 0;
      float partner = 0;
      if (has_value) {
#pragma unroll
        for (int w = 0; w < kStepWarps; ++w) {
          value += parts[place.part(place.tile, w, place.row) + place.n];
          if (!kOneRow && place.row < 8) partner += parts[place.part(place.tile, w, place.row + 8) + place.n];
        }
      }
      if (kOneRow) partner = __shfl_down_sync(kAllLanes, value, 8);
      finish(has_value, mine, place.row, place.n, value, partner, fetched);
    }
  } while (tile < shape.row_tiles);
}

}  // namespace inferbench::cuda_backend
