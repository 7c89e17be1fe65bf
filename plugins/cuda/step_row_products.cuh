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

/// The sum of 8 neighbouring floats.
__device__ __forceinline__ float sum_of_warps(std::uint32_t at) {
  static_assert(kStepWarps == 8);
  const float4 a = load_shared_floats(at);
  const float4 b = load_shared_floats(at + 16);
  return ((a.x + a.y) + (a.z + a.w)) + ((b.x + b.y) + (b.z + b.w));
}

/// How far a product goes along its inputs.
struct ChunkTurn {
  int units;
  int per_chunk;

  __device__ explicit ChunkTurn(const StreamShape& shape) : units(shape.units), per_chunk(shape.per_chunk) {
    keep(units), keep(per_chunk);
  }
};

/// Where 4 values of a slice lie in shared memory: of each 8 values, in words of two, the order is 0, 2, 1, 3, which is
/// how ChunkProduct reads them. `i`: of the first value, a multiple of 4. The second word lies 8 bytes behind.
__device__ __forceinline__ std::uint32_t place_in_slice(int i) {
  return static_cast<std::uint32_t>(i / 8 * 16 + i / 4 % 2 * 4);
}
/// The same of 8 values.
__device__ __forceinline__ uint4 ordered_for_slice(uint4 words) {
  return make_uint4(words.x, words.z, words.y, words.w);
}

/// A warp's share of a tile's products with one row, chunk by chunk: its slice of each chunk. The weights are fetched
/// to registers, which may be long before the inputs are there, and the stage is given back at once.
///
/// A lane has four words of a row of weights in four neighbouring registers, as mma.m16n8k16 takes its first operand.
/// The instruction reads them as words 0 and 2 of one row and words 1 and 3 of another one, and multiplies both with
/// all columns. So column 0 has words 0 and 2 of the activations, column 1 words 1 and 3, and the row's product is the
/// sum of the two.
template <typename T, Format kFormat>
class ChunkProduct {
 public:
  /// `x`: the row, in shared memory, slice by slice.
  __device__ ChunkProduct(RingPlace& ring, const StreamShape& shape, std::uint32_t x, int warp, int lane)
      : ring_(ring),
        turn_(shape),
        lane_(lane),
        n_slice_(shape.slice_inputs / 32),
        first_(warp * n_slice_),
        x_(x + static_cast<std::uint32_t>(warp * kSliceRoom * 2 + lane % 4 * 16 + lane / 4 % 2 * 8)) {
    keep(first_), keep(n_slice_), keep(x_);
  }
  __device__ const ChunkTurn& turn() const { return turn_; }

  /// Waits for the chunk that begins at a unit. Behind the end of the slice, where inputs are zeros, weights are any.
  __device__ __forceinline__ void fetch(int begin) {
    const int n_steps = min(turn_.per_chunk, turn_.units - begin) * 2;
    const int last = min(n_steps - first_, n_slice_) - 1;
    const std::uint32_t row_bytes = static_cast<std::uint32_t>(n_steps * 64 + kChunkPad);
    const std::uint32_t from = ring_.stage_address() + static_cast<std::uint32_t>(lane_ / 4) * row_bytes +
                               static_cast<std::uint32_t>(lane_ % 4 * 16 + (last < 0 ? 0 : first_ * 64));
    ring_.wait_full();
#pragma unroll
    for (int k = 0; k < kSteps; ++k) {
      const std::uint32_t at = from + static_cast<std::uint32_t>(max(min(k, last), 0) * 64);
      low_[k] = load_shared16(at);
      high_[k] = load_shared16(at + 8 * row_bytes);
    }
    give_back(ring_, lane_);
  }

  /// In place of fetch(). Without it, the compiler would keep registers for what a block without items may not have.
  __device__ __forceinline__ void clear() {
#pragma unroll
    for (int k = 0; k < kSteps; ++k) low_[k] = high_[k] = {};
  }

  /// Adds the fetched chunk's products. `beside(k)`, of k below 4: other work that fills the time.
  template <typename Beside>
  __device__ __forceinline__ void add(int chunk, Beside beside) {
    const std::uint32_t values = x_ + static_cast<std::uint32_t>(chunk * (kPieceRoom * 2));
    uint2 b[kSteps];
#pragma unroll
    for (int k = 0; k < kSteps; ++k) b[k] = load_shared8(values + k * 64);
#pragma unroll
    for (int k = 0; k < kSteps; ++k) {
      multiply<T>(low_sum_, low_[k].x, low_[k].y, low_[k].z, low_[k].w, b[k].x, b[k].y);
      multiply<T>(high_sum_, high_[k].x, high_[k].y, high_[k].z, high_[k].w, b[k].x, b[k].y);
      beside(k);
    }
  }

  /// Hands on the sums: calls write(row of the tile, sum). The next tile's begin at 0.
  template <typename Write>
  __device__ __forceinline__ void take(Write write) {
    if (lane_ % 4 == 0) {
      write(lane_ / 4, low_sum_[0] + low_sum_[3]);
      write(lane_ / 4 + 8, high_sum_[0] + high_sum_[3]);
    }
#pragma unroll
    for (int i = 0; i < 4; ++i) low_sum_[i] = high_sum_[i] = 0;
  }

 private:
  static constexpr int kSteps = kSliceRoom / 32;
  static_assert(kSteps == 4 && kChunkInputs <= kPieceRoom);

  RingPlace& ring_;
  ChunkTurn turn_;
  int lane_;
  int n_slice_;  // steps of 32 inputs, of a slice
  int first_;    // of this warp's slice of a chunk
  std::uint32_t x_;
  uint4 low_[kSteps];   // of rows lane / 4
  uint4 high_[kSteps];  // of rows lane / 4 + 8
  float low_sum_[4] = {};
  float high_sum_[4] = {};
};

/// The same for quantized weights: two tiles of a chunk for each warp. `x`: a CodedRow.
template <typename T, Format kFormat>
requires(is_quantized(kFormat)) class ChunkProduct<T, kFormat> {
 public:
  __device__ ChunkProduct(RingPlace& ring, const StreamShape& shape, std::uint32_t x, int warp, int lane)
      : ring_(ring),
        turn_(shape),
        warp_(warp),
        lane_(lane),
        x_(CodedRow(x, shape.part_inputs, code_unit(kFormat)), lane) {}
  __device__ const ChunkTurn& turn() const { return turn_; }

  /// Waits for the chunk that begins at a unit.
  __device__ __forceinline__ void fetch(int begin) {
    const int n_units = min(turn_.per_chunk, turn_.units - begin);
    const std::uint32_t from = ring_.stage_address();
    begin_ = begin;
    ring_.wait_full();
#pragma unroll
    for (int k = 0; k < kTiles; ++k) {
      const int unit = unit_of(k, begin);
      const bool is_there = unit < n_units;
      tiles_[k].load(
          from + static_cast<std::uint32_t>(is_there ? unit : 0) * static_cast<std::uint32_t>(tile_bytes(kFormat)),
          lane_);
      if (!is_there) tiles_[k].low_scale = tiles_[k].high_scale = 0;
    }
    give_back(ring_, lane_);
  }

  __device__ __forceinline__ void clear() {
#pragma unroll
    for (int k = 0; k < kTiles; ++k) tiles_[k] = {};
  }

  template <typename Beside>
  __device__ __forceinline__ void add(int, Beside beside) {
    if (begin_ != x_begin_) load_inputs();
#pragma unroll
    for (int k = 0; k < 4; ++k) beside(k);
    multiply_tiles<kFormat, kTiles>(low_sum_, high_sum_, tiles_, inputs_);
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
  static constexpr int kTiles = kMostChunkTiles / kStepWarps;

  /// Warps take every eighth unit of a row of tiles.
  __device__ __forceinline__ int unit_of(int k, int begin) const {
    return ((warp_ - begin) & (kStepWarps - 1)) + k * kStepWarps;
  }
  /// Where there is no such tile, all are zeros: other inputs are another warp's.
  __device__ __forceinline__ void load_inputs() {
    x_begin_ = begin_;
#pragma unroll
    for (int k = 0; k < kTiles; ++k) {
      const int unit = begin_ + unit_of(k, begin_);
      inputs_[k] = {};
      if (unit < turn_.units) inputs_[k].load(x_, unit * kTileInputs);
    }
  }

  RingPlace& ring_;
  ChunkTurn turn_;
  int warp_;
  int lane_;
  CodedLane x_;
  int begin_ = 0;     // of the chunk
  int x_begin_ = -1;  // of the chunk whose inputs are in registers
  CodedTileOfLane<kFormat> tiles_[kTiles];
  CodedInputs inputs_[kTiles];
  float low_sum_ = 0;
  float high_sum_ = 0;
};

/// What products of one row need besides their weights; see run_row_items.
struct RowItems {
  std::uint32_t thread;
  std::uint32_t reduce;      ///< kReduceFloats of shared memory
  std::uint32_t buffer = 0;  ///< which half of them is next, in bytes; kept from product to product

  /// Keeps them in registers.
  __device__ void hold() { keep(thread), keep(reduce); }
  __device__ int lane() const { return static_cast<int>(thread % kWarp); }
  __device__ int warp() const { return static_cast<int>(thread / kWarp); }
  /// Row of a tile, and tile of a round, whose value this thread adds up.
  __device__ int row() const { return static_cast<int>(thread % kTileRows); }
  __device__ int tile_of_round() const { return static_cast<int>(thread / kTileRows); }
};

/// Goes through this block's items of a product of one row, as many in a round as give each thread a value to add up;
/// warps meet once a round. `load(has_items)` waits for the inputs and brings what a warp reads of them to `x`; it is
/// called by blocks without items, too. `kAhead`: the first weights are fetched to registers before. `beside(k)`: work
/// that fills the time of the first products. `meet(has_items, then)` lets the warps meet for the first time, then
/// calls `then`. `before(tile, row)` fetches meanwhile what `finish(has_value, tile, row, value, fetched)` needs. Whole
/// warps call `finish`.
template <typename T, Format kFormat, bool kAhead, typename Before, typename Load, typename Beside, typename Meet,
          typename Finish>
__device__ __forceinline__ void run_row_items(RingPlace& ring, const StreamShape& shape, const ItemRange& items,
                                              std::uint32_t x, RowItems& turn, Before before, Load load, Beside beside,
                                              Meet meet, Finish finish) {
  constexpr int kTilesOfRound = kRoundValues / kTileRows;
  constexpr std::uint32_t kTileSums = kTileRows * kStepWarps * 4;  // bytes: [row][warp]
  ChunkProduct<T, kFormat> product(ring, shape, x, turn.warp(), turn.lane());
  int row_tiles = shape.row_tiles;
  int step = items.step;
  int tile = items.tile;
  keep(row_tiles), keep(step), keep(tile);
  int mine = tile + turn.tile_of_round() * step;
  bool has_value = mine < row_tiles;
  decltype(before(0, 0)) fetched{};
  if (has_value) fetched = before(mine, turn.row());
  const bool has_items = tile < row_tiles;
  if (!kAhead || !has_items) {
    product.clear();
  } else {
    product.fetch(0);
  }
  load(has_items);
  if (!has_items) {
#pragma unroll
    for (int k = 0; k < 4; ++k) beside(k);
    meet(false, [] {});
    return;
  }
  if (!kAhead) product.fetch(0);
  product.add(0, beside);
  int begin = 0;
  int chunk = 0;
  int in_round = 0;
  bool is_first = true;
#pragma unroll 1
  while (true) {
    begin += product.turn().per_chunk;
    ++chunk;
    const bool ends = begin >= product.turn().units;
    if (ends) begin = 0, chunk = 0, tile += step;
    const bool more = tile < row_tiles;
    if (more) product.fetch(begin);
    if (ends) {
      const std::uint32_t to = turn.reduce + turn.buffer + in_round * kTileSums + turn.warp() * 4;
      product.take([&](int r, float sum) { store_shared(to + r * (kStepWarps * 4), sum); });
      if (++in_round == kTilesOfRound || !more) {
        const std::uint32_t from =
            turn.reduce + turn.buffer + turn.tile_of_round() * kTileSums + turn.row() * (kStepWarps * 4);
        float value = 0;  // any, of threads that have none
        const auto add_up = [&] { value = sum_of_warps(from); };
        if (is_first) {
          meet(true, add_up);
        } else {
          sync_consumers();
          add_up();
        }
        is_first = false;
        if (__any_sync(kAllLanes, has_value)) finish(has_value, mine, turn.row(), value, fetched);
        // Two buffers in turn: a warp may be a round ahead of those that still add up.
        turn.buffer ^= kReduceFloats / 2 * 4;
        in_round = 0;
        if (more) {
          mine = tile + turn.tile_of_round() * step;
          has_value = mine < row_tiles;
          if (has_value) fetched = before(mine, turn.row());
        }
      }
    }
    if (!more) break;
    product.add(chunk, [](int) {});
  }
}

}  // namespace inferbench::cuda_backend
