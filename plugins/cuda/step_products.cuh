// SPDX-License-Identifier: Apache-2.0
//
// The products of a block's tiles with the activations, from the stages of the ring. See step_plan.hpp.
#pragma once

#include <type_traits>

#include "kernel_math.cuh"
#include "step_codes.cuh"
#include "step_plan.hpp"
#include "step_ring.cuh"

namespace inferbench::cuda_backend {

/// A warp has read the stage.
__device__ __forceinline__ void give_back(RingPlace& ring) {
  __syncwarp();
  if (threadIdx.x % kWarp == 0) ring.release();
  ring.advance();
}

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
    give_back(ring);
  }
#pragma unroll
  for (int i = 0; i < 4; ++i) sum[i] += odd[i];
}

/// The same for one row, chunk by chunk: its sums are the first lanes' sum[0] and sum[2]. The weights are fetched to
/// registers, which may be long before the inputs are there.
template <typename T, Format kFormat>
class ChunkProduct {
 public:
  __device__ ChunkProduct(RingPlace& ring, const StreamShape& shape, T* x, int warp)
      : ring_(ring), shape_(shape), warp_(warp), x_(x + 8 * (lane() % 4)) {}

  /// Waits for the chunk that begins at a unit.
  __device__ __forceinline__ void fetch(int begin) {
    n_steps_ = min(shape_.per_chunk, shape_.units - begin) * 2;
    first_ = (warp_ - 2 * begin) & (kStepWarps - 1);
    ring_.wait_full();
    const int row_bytes = n_steps_ * 64 + kChunkPad;
    const std::byte* from = ring_.stage() + lane() / 4 * row_bytes + lane() % 4 * 16 + first_ * 64;
#pragma unroll
    for (int k = 0; k < kSteps; ++k) {
      if (first_ + k * kStepWarps >= n_steps_) break;
      low_[k] = *reinterpret_cast<const uint4*>(from + k * kStepWarps * 64);
      high_[k] = *reinterpret_cast<const uint4*>(from + 8 * row_bytes + k * kStepWarps * 64);
    }
  }

  /// Adds the fetched chunk's products, and gives its stage back.
  __device__ __forceinline__ void add(int begin, float (&sum)[4]) {
    const T* values = x_ + begin * kPlainInputs + first_ * 32;
    float odd[4] = {};  // two sums, so that products need not wait for each other
#pragma unroll
    for (int k = 0; k < kSteps; ++k) {
      if (first_ + k * kStepWarps >= n_steps_) break;
      const uint4 b = lane() < 4 ? *reinterpret_cast<const uint4*>(values + k * kStepWarps * 32) : uint4{};
      multiply<T>(sum, low_[k].x, high_[k].x, low_[k].y, high_[k].y, b.x, b.y);
      multiply<T>(odd, low_[k].z, high_[k].z, low_[k].w, high_[k].w, b.z, b.w);
    }
    sum[0] += odd[0];
    sum[2] += odd[2];
    give_back(ring_);
  }

 private:
  static constexpr int kSteps = kChunkInputs / 32 / kStepWarps;  // of 32 inputs, of a chunk

  static __device__ int lane() {
    return static_cast<int>(threadIdx.x) % kWarp;
  }

  RingPlace& ring_;
  const StreamShape& shape_;
  int warp_;
  const T* x_;
  int n_steps_ = 0;
  int first_ = 0;
  uint4 low_[kSteps];
  uint4 high_[kSteps];
};

/// The same for quantized weights: the first of the warp's tiles of a chunk is fetched ahead. `x`: a CodedRow. A lane's
/// sum[0] and sum[2] are parts of a row: see multiply_tile.
template <typename T, Format kFormat>
requires(is_quantized(kFormat)) class ChunkProduct<T, kFormat> {
 public:
  __device__ ChunkProduct(RingPlace& ring, const StreamShape& shape, T* x, int warp)
      : ring_(ring),
        shape_(shape),
        warp_(warp),
        lane_(static_cast<int>(threadIdx.x) % kWarp),
        x_(CodedRow(x, shape.part_inputs, code_unit(kFormat)), lane_) {}

  __device__ __forceinline__ void fetch(int begin) {
    n_units_ = min(shape_.per_chunk, shape_.units - begin);
    unit_ = (warp_ - begin) & (kStepWarps - 1);
    ring_.wait_full();
    load();
  }

  __device__ __forceinline__ void add(int begin, float (&sum)[4]) {
#pragma unroll 1
    while (unit_ < n_units_) {
      multiply_tile<kFormat>(sum[0], sum[2], tile_, x_, (begin + unit_) * kTileInputs);
      unit_ += kStepWarps;
      load();
    }
    give_back(ring_);
  }

 private:
  __device__ __forceinline__ void load() {
    if (unit_ < n_units_) tile_.load(ring_.stage() + unit_ * tile_bytes(kFormat), lane_);
  }

  RingPlace& ring_;
  const StreamShape& shape_;
  int warp_;
  int lane_;
  CodedLane x_;
  int unit_ = 0;
  int n_units_ = 0;  // of the chunk
  CodedTileOfLane<kFormat> tile_;
};

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

struct NoProduct {
  template <typename... Arguments>
  __device__ explicit NoProduct(const Arguments&... /*arguments*/) {}
};

/// Goes through this block's items of a product, as many in a round as give each thread a value to add up; warps meet
/// once a round. `x`: the part of the activations, which `load(has_items)` waits for and brings there; it is called by
/// blocks without items, too. `kAhead`: of one row, and the first weights are fetched before. `before(tile, row)`
/// fetches meanwhile what `finish(has_value, tile, row, n, value, partner, fetched)` needs. `partner` is the value of
/// row + 8, for rows below 8. Whole warps call `finish`.
template <typename T, Format kFormat, bool kOneRow, bool kAhead, typename Before, typename Load, typename Finish>
__device__ __forceinline__ void run_items(RingPlace& ring, const StreamShape& shape, const ItemRange& items, T* x,
                                          int n_rows, int warp, float* reduce, Before before, Load load,
                                          Finish finish) {
  constexpr bool kByChunk = kAhead || (kOneRow && is_quantized(kFormat));
  const int lane = threadIdx.x % kWarp;
  const RoundPlace<kOneRow> place(n_rows);
  std::conditional_t<kByChunk, ChunkProduct<T, kFormat>, NoProduct> product(ring, shape, x, warp);
  bool is_fetched = false;
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
      if constexpr (kAhead) {
        is_fetched = has_items;
        if (has_items) product.fetch(0);
      }
      load(has_items);
      if (!has_items) return;
    }
    // Two buffers in turn: a warp may be a round ahead of those that still add up.
    float* parts = reduce + parity * kStepWarps * kRoundValues;
    parity ^= 1;
#pragma unroll 1
    for (int i = 0; i < place.tiles() && tile < shape.row_tiles; ++i, tile += items.step) {
      float sum[4] = {};
      if constexpr (kByChunk) {
#pragma unroll 1
        for (int begin = 0; begin < shape.units; begin += shape.per_chunk) {
          if (!is_fetched) product.fetch(begin);
          is_fetched = false;
          product.add(begin, sum);
        }
      } else {
        multiply_chunks<T, kFormat>(ring, shape, x, n_rows, warp, sum);
      }
      if constexpr (kOneRow && is_quantized(kFormat)) {
        // Even lanes go on with row r, odd ones with row r + 8.
        const bool is_even = lane % 2 == 0;
        float mine = is_even ? sum[0] : sum[2];
        mine += __shfl_xor_sync(kAllLanes, is_even ? sum[2] : sum[0], 1);
        mine += __shfl_xor_sync(kAllLanes, mine, 2);
        if (lane % 4 < 2) parts[place.part(i, warp, lane / 4 + lane % 2 * 8)] = mine;
        continue;
      }
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
