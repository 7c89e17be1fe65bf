// SPDX-License-Identifier: Apache-2.0
//
// The products of a block's tiles with the activations of one sequence. See step_plan.hpp. What stands between the
// inputs and a product is what a step waits for, so all that does not need the inputs is computed before they come, and
// kept in registers.
#pragma once

#include "kernel_math.cuh"
#include "multiply.cuh"
#include "step_codes.cuh"
#include "step_plan.hpp"
#include "step_ring.cuh"

namespace inferbench::cuda_backend {

/// Keeps a value in its register. The compiler would rather compute it anew where it is used.
__device__ __forceinline__ void keep(int& value) {
  asm volatile("" : "+r"(value));
}
__device__ __forceinline__ void keep(std::uint32_t& value) {
  asm volatile("" : "+r"(value));
}

__device__ __forceinline__ uint4 load_shared16(std::uint32_t at) {
  uint4 words;
  asm volatile("ld.shared.v4.u32 {%0,%1,%2,%3}, [%4];"
               : "=r"(words.x), "=r"(words.y), "=r"(words.z), "=r"(words.w)
               : "r"(at)
               : "memory");
  return words;
}
__device__ __forceinline__ float load_shared(std::uint32_t at) {
  float value = 0;
  asm volatile("ld.shared.f32 %0, [%1];" : "=f"(value) : "r"(at) : "memory");
  return value;
}
__device__ __forceinline__ void store_shared(std::uint32_t at, float value) {
  asm volatile("st.shared.f32 [%0], %1;" ::"r"(at), "f"(value) : "memory");
}

/// How far a product goes along its inputs.
struct ChunkTurn {
  int units;
  int per_chunk;

  __device__ explicit ChunkTurn(const StreamShape& shape) : units(shape.units), per_chunk(shape.per_chunk) {
    keep(units), keep(per_chunk);
  }
};

/// A warp's share of a tile's products with one row, chunk by chunk. The weights are fetched to registers, which may be
/// long before the inputs are there.
template <typename T, Format kFormat>
class ChunkProduct {
 public:
  /// `x`: the row, in shared memory.
  __device__ ChunkProduct(RingPlace& ring, const StreamShape& shape, T* x, int warp, int lane)
      : ring_(ring), turn_(shape), warp_(warp), lane_(lane), x_(shared_address(x) + 16 * (lane % 4)) {
    keep(x_);
  }
  __device__ const ChunkTurn& turn() const { return turn_; }

  /// Waits for the chunk that begins at a unit.
  __device__ __forceinline__ void fetch(int begin) {
    n_steps_ = min(turn_.per_chunk, turn_.units - begin) * 2;
    first_ = (warp_ - 2 * begin) & (kStepWarps - 1);
    ring_.wait_full();
    const int row_bytes = n_steps_ * 64 + kChunkPad;
    const std::byte* from = ring_.stage() + lane_ / 4 * row_bytes + lane_ % 4 * 16 + first_ * 64;
#pragma unroll
    for (int k = 0; k < kSteps; ++k) {
      if (first_ + k * kStepWarps >= n_steps_) break;
      low_[k] = *reinterpret_cast<const uint4*>(from + k * kStepWarps * 64);
      high_[k] = *reinterpret_cast<const uint4*>(from + 8 * row_bytes + k * kStepWarps * 64);
    }
    keep(n_steps_), keep(first_);
  }

  /// Adds the fetched chunk's products, and gives its stage back.
  __device__ __forceinline__ void add(int begin) {
    const std::uint32_t values = x_ + begin * kPlainInputs * 2 + first_ * 64;
#pragma unroll
    for (int k = 0; k < kSteps; ++k) {
      if (first_ + k * kStepWarps >= n_steps_) break;
      // Seven of the eight columns are not looked at: they may be the same.
      const uint4 b = load_shared16(values + k * kStepWarps * 64);
      multiply<T>(sum_, low_[k].x, high_[k].x, low_[k].y, high_[k].y, b.x, b.y);
      multiply<T>(odd_, low_[k].z, high_[k].z, low_[k].w, high_[k].w, b.z, b.w);
    }
    give_back(ring_, lane_);
  }

  /// Hands on the sums: calls write(row of the tile, sum). The next tile's begin at 0.
  template <typename Write>
  __device__ __forceinline__ void take(Write write) {
    if (lane_ % 4 == 0) {
      write(lane_ / 4, sum_[0] + odd_[0]);
      write(lane_ / 4 + 8, sum_[2] + odd_[2]);
    }
#pragma unroll
    for (int i = 0; i < 4; ++i) sum_[i] = odd_[i] = 0;
  }

 private:
  static constexpr int kSteps = kChunkInputs / 32 / kStepWarps;  // of 32 inputs, of a chunk

  RingPlace& ring_;
  ChunkTurn turn_;
  int warp_;
  int lane_;
  std::uint32_t x_;
  int n_steps_ = 0;
  int first_ = 0;
  uint4 low_[kSteps];
  uint4 high_[kSteps];
  float sum_[4] = {};
  float odd_[4] = {};  // two sums, so that products need not wait for each other
};

/// The same for quantized weights: the first of the warp's tiles of a chunk is fetched ahead. `x`: a CodedRow.
template <typename T, Format kFormat>
requires(is_quantized(kFormat)) class ChunkProduct<T, kFormat> {
 public:
  __device__ ChunkProduct(RingPlace& ring, const StreamShape& shape, T* x, int warp, int lane)
      : ring_(ring),
        turn_(shape),
        warp_(warp),
        lane_(lane),
        x_(CodedRow(x, shape.part_inputs, code_unit(kFormat)), lane) {}
  __device__ const ChunkTurn& turn() const { return turn_; }

  __device__ __forceinline__ void fetch(int begin) {
    n_units_ = min(turn_.per_chunk, turn_.units - begin);
    unit_ = (warp_ - begin) & (kStepWarps - 1);
    ring_.wait_full();
    load();
  }

  __device__ __forceinline__ void add(int begin) {
#pragma unroll 1
    while (unit_ < n_units_) {
      multiply_tile<kFormat>(low_sum_, high_sum_, tile_, x_, (begin + unit_) * kTileInputs);
      unit_ += kStepWarps;
      load();
    }
    give_back(ring_, lane_);
  }

  template <typename Write>
  __device__ __forceinline__ void take(Write write) {
    // Even lanes go on with row r, odd ones with row r + 8.
    const bool is_even = lane_ % 2 == 0;
    float sum = is_even ? low_sum_ : high_sum_;
    sum += __shfl_xor_sync(kAllLanes, is_even ? high_sum_ : low_sum_, 1);
    sum += __shfl_xor_sync(kAllLanes, sum, 2);
    if (lane_ % 4 < 2) write(lane_ / 4 + lane_ % 2 * 8, sum);
    low_sum_ = high_sum_ = 0;
  }

 private:
  __device__ __forceinline__ void load() {
    if (unit_ < n_units_) tile_.load(ring_.stage() + unit_ * tile_bytes(kFormat), lane_);
  }

  RingPlace& ring_;
  ChunkTurn turn_;
  int warp_;
  int lane_;
  CodedLane x_;
  int unit_ = 0;
  int n_units_ = 0;  // of the chunk
  CodedTileOfLane<kFormat> tile_;
  float low_sum_ = 0;
  float high_sum_ = 0;
};

/// Goes through this block's items of a product of one row, as many in a round as give each thread a value to add up;
/// warps meet once a round. `x`: the part of the activations, which `load(has_items)` waits for and brings there; it is
/// called by blocks without items, too. `kAhead`: the first weights are fetched before. `before(tile, row)` fetches
/// meanwhile what `finish(has_value, tile, row, value, partner, fetched)` needs. `partner` is the value of row + 8, for
/// rows below 8. Whole warps call `finish`.
template <typename T, Format kFormat, bool kAhead, typename Before, typename Load, typename Finish>
__device__ __forceinline__ void run_row_items(RingPlace& ring, const StreamShape& shape, const ItemRange& items, T* x,
                                              int thread, int warp, float* reduce, Before before, Load load,
                                              Finish finish) {
  constexpr int kTilesOfRound = kRoundValues / kTileRows;
  constexpr std::uint32_t kWarpBytes = kTileRows * 4;  // of a warp's parts of a tile
  constexpr std::uint32_t kTileSums = kStepWarps * kWarpBytes;
  const int lane = thread % kWarp;
  const int row = thread % kTileRows;
  const int tile_of_round = thread / kTileRows;
  ChunkProduct<T, kFormat> product(ring, shape, x, warp, lane);
  int row_tiles = shape.row_tiles;
  int step = items.step;
  std::uint32_t parts = shared_address(reduce);
  keep(row_tiles), keep(step), keep(parts);
  bool is_fetched = false;
  std::uint32_t buffer = 0;
  int tile = items.tile;
#pragma unroll 1
  do {
    const int mine = tile + tile_of_round * step;
    const bool has_value = mine < row_tiles;
    decltype(before(0, 0)) fetched{};
    if (has_value) fetched = before(mine, row);
    if (tile == items.tile) {
      const bool has_items = tile < row_tiles;
      if constexpr (kAhead) {
        is_fetched = has_items;
        if (has_items) product.fetch(0);
      }
      load(has_items);
      if (!has_items) return;
    }
    std::uint32_t to = parts + buffer + warp * kWarpBytes;
#pragma unroll 1
    for (int i = 0; i < kTilesOfRound && tile < row_tiles; ++i, tile += step, to += kTileSums) {
#pragma unroll 1
      for (int begin = 0; begin < product.turn().units; begin += product.turn().per_chunk) {
        if (!is_fetched) product.fetch(begin);
        is_fetched = false;
        product.add(begin);
      }
      product.take([&](int r, float sum) { store_shared(to + r * 4, sum); });
    }
    sync_consumers();
    if (__any_sync(kAllLanes, has_value)) {
      float value = 0;
      if (has_value) {
        const std::uint32_t from = parts + buffer + tile_of_round * kTileSums + row * 4;
#pragma unroll
        for (int w = 0; w < kStepWarps; ++w) value += load_shared(from + w * kWarpBytes);
      }
      const float partner = __shfl_down_sync(kAllLanes, value, 8);
      finish(has_value, mine, row, value, partner, fetched);
    }
    // Two buffers in turn: a warp may be a round ahead of those that still add up.
    buffer ^= kReduceFloats / 2 * 4;
  } while (tile < row_tiles);
}

}  // namespace inferbench::cuda_backend
