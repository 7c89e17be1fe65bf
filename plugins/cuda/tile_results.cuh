// SPDX-License-Identifier: Apache-2.0
//
// What a tile of a product becomes: sums that are stored, activations, or heads.
#pragma once

#include "head_values.cuh"
#include "step_plan.hpp"
#include "tile_product.hpp"

namespace inferbench::cuda_backend {

constexpr int kWarpgroup = 4 * kWarp;
constexpr int kConsumers = kStepWarps * kWarp;  // two warpgroups
constexpr int kGroupOutputs = 64;               // weight rows of a warpgroup
constexpr int kSumPitch = kGroupOutputs + 4;    // floats of a row of sums in shared memory: see spread_sums

/// A block's item, and its units.
struct TilePlace {
  int output_tile;
  int row_tile;
  int part;
  int first_unit;
  int n_units;

  /// `unit_stages`: of a unit of the cut. Here, units are what a stage holds.
  __device__ TilePlace(const TileCut& cut, int unit_stages) {
    const int item = static_cast<int>(blockIdx.x);
    const int tile = item / cut.row_tiles;  // blocks that share weights are neighbours
    row_tile = item - tile * cut.row_tiles;
    part = tile / cut.output_tiles;
    output_tile = tile - part * cut.output_tiles;
    const int first = part * cut.part_units;
    first_unit = first * unit_stages;
    n_units = min(cut.part_units, cut.units - first) * unit_stages;
  }
};

/// The tile's bias, zeros where there is none, to shared memory: [outputs], outputs up to kConsumers. It comes from
/// memory, so it is asked for early.
__device__ __forceinline__ void copy_bias(const TileProduct& p, const TilePlace& place, int outputs, float* to) {
  const auto i = static_cast<int>(threadIdx.x);
  if (i >= outputs) return;
  const int output = place.output_tile * outputs + i;
  const bool is_there = p.bias != nullptr && place.part == 0 && output < p.shape.row_tiles * kTileRows;
  to[i] = is_there ? p.bias[output] : 0.0F;
}

/// A warpgroup's sums in shared memory: [row of activations][64 weight rows], so that they are stored by a short loop.
/// Long code is slow the first time that it runs: with an activation for each register, its instructions took longer to
/// arrive than all else. Neighbouring lanes are in different banks.
template <int kN>
__device__ __forceinline__ void spread_sums(const float (&sum)[kN][4], float* to) {
  const int warp = static_cast<int>(threadIdx.x) % kWarpgroup / kWarp;
  const int lane = static_cast<int>(threadIdx.x) % kWarp;
  float* mine = to + lane % 4 * 2 * kSumPitch + warp * kTileRows + lane / 4;
#pragma unroll
  for (int n = 0; n < kN; ++n) {
#pragma unroll
    for (int i = 0; i < 4; ++i) mine[(n * 8 + i % 2) * kSumPitch + i / 2 * 8] = sum[n][i];
  }
}

/// Sums of kGroupOutputs weight rows in shared memory. `kSecond`: floats from a sum to the other share's; 0: there is
/// none.
template <int kSecond>
struct TileSums {
  const float* sums;
  const float* bias;

  __device__ __forceinline__ float4 at(int row, int output) const {
    const float* from = sums + row * kSumPitch + output;
    float4 sum = *reinterpret_cast<const float4*>(from);
    if constexpr (kSecond > 0) sum = plus(sum, *reinterpret_cast<const float4*>(from + kSecond));
    return plus(sum, *reinterpret_cast<const float4*>(bias + output));
  }
};

/// The code of the error function, only once.
__device__ __noinline__ float activated_by_erf(float x) {
  return activated(IB_ACTIVATION_GELU_ERF, x);
}
__device__ __forceinline__ float activated_value(std::int32_t activation, float x) {
  if (activation == IB_ACTIVATION_GELU_ERF) return activated_by_erf(x);
  return activated(activation, x);
}

/// Of 16 rows of a gated product, the first 8 are gates of the others. What is behind the matrix is zero.
template <typename T, int kRows, int kSecond>
__device__ __forceinline__ void store_sums(const TileProduct& p, const TileSums<kSecond>& sums, int first_output,
                                           int first_row, int part) {
  const bool gated = p.activates && p.model.gated != 0;
  const int per_row = gated ? 3 : 4;  // as a power of 2: four values at a time
  constexpr int kStorers = kSecond > 0 ? kConsumers : kWarpgroup;
#pragma unroll 1
  for (int i = static_cast<int>(threadIdx.x) % kStorers; i < kRows << per_row; i += kStorers) {
    const int in_row = i & ((1 << per_row) - 1);
    const int in_tile = gated ? in_row / 2 * 16 + in_row % 2 * 4 : in_row * 4;
    const int output = first_output + in_tile;
    const int row = i >> per_row;
    const int n = first_row + row;
    if (n >= p.rows || output >= p.shape.row_tiles * kTileRows) continue;
    float4 values = sums.at(row, in_tile);
    const std::int64_t at = part * p.part_stride + static_cast<std::int64_t>(n) * p.y.stride;
    if (!p.activates) {
      *reinterpret_cast<float4*>(static_cast<float*>(p.y.data) + at + output) = values;
      continue;
    }
    values.x = activated_value(p.model.activation, values.x);
    values.y = activated_value(p.model.activation, values.y);
    values.z = activated_value(p.model.activation, values.z);
    values.w = activated_value(p.model.activation, values.w);
    int to = output;
    if (gated) {
      const float4 factors = sums.at(row, in_tile + 8);
      values = make_float4(values.x * factors.x, values.y * factors.y, values.z * factors.z, values.w * factors.w);
      to = output / 16 * 8 + output % 16;
    }
    *reinterpret_cast<uint2*>(static_cast<T*>(p.y.data) + at + to) =
        make_uint2(pair_of<T>(values.x, values.y), pair_of<T>(values.z, values.w));
  }
}

/// The head that a tile of kSharedOutputs is, if it is one: four lanes for each row.
template <typename T, int kSecond>
class HeadResults {
 public:
  /// Fetches what does not depend on the sums.
  __device__ HeadResults(const TileProduct& p, const TilePlace& place)
      : row_(static_cast<int>(threadIdx.x) / Piece::kLanes),
        is_there_(place.row_tile * kSharedRows + row_ < p.rows),
        place_(head_place(p, place)) {
    if (p.heads.query == nullptr) return;
    piece_.load_turns(place_.rotation(p.heads.cache, p.heads.layer, kSharedOutputs));
  }
  __device__ void store(const TileProduct& p, const TileSums<kSecond>& sums) {
    load(sums, piece_.at, piece_.low);
    load(sums, kSharedOutputs / 2 + piece_.at, piece_.high);
    finish_head<T, T, kSharedOutputs>(p.model, p.heads.cache, p.heads.layer, p.heads.layer_index, place_, piece_,
                                      static_cast<T*>(p.heads.query), is_there_);
  }

 private:
  using Piece = HeadPiece<kSharedOutputs>;
  static_assert(kConsumers == kSharedRows * Piece::kLanes);

  __device__ HeadPlace head_place(const TileProduct& p, const TilePlace& place) const {
    const int row = is_there_ ? place.row_tile * kSharedRows + row_ : 0;
    if (p.heads.query == nullptr) return HeadPlace(p.model, row, place.output_tile, 0, 0);
    return HeadPlace(p.model, p.heads.rows, row, place.output_tile);
  }
  __device__ void load(const TileSums<kSecond>& sums, int at, float (&to)[8]) const {
    const float4 a = sums.at(row_, at);
    const float4 b = sums.at(row_, at + 4);
    to[0] = a.x, to[1] = a.y, to[2] = a.z, to[3] = a.w;
    to[4] = b.x, to[5] = b.y, to[6] = b.z, to[7] = b.w;
  }

  int row_;
  bool is_there_;
  HeadPlace place_;
  Piece piece_;
};

}  // namespace inferbench::cuda_backend
