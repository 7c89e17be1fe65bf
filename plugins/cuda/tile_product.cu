// SPDX-License-Identifier: Apache-2.0
//
// A block copies units of 128 inputs, of weights and of activations, through a ring of stages, and its eight warps
// multiply them with mma.m16n8k16. The first weights are on their way before the kernels in front have ended.
#include "tile_product.hpp"

#include <algorithm>

#include "cuda_call.hpp"
#include "launch.cuh"
#include "multiply.cuh"
#include "step_ring.cuh"
#include "weight_codes.cuh"

namespace inferbench::cuda_backend {
namespace {

constexpr int kThreads = 256;
constexpr int kWarps = kThreads / kWarp;
constexpr int kSharedBytes = 200 << 10;
constexpr int kMostStages = 6;
constexpr int kPitch = kTileInputs * 2;  // bytes of a row of a unit of 16-bit values
constexpr int kPieces = kPitch / 16;

/// A warp multiplies kM tiles of 16 weight rows by kN of 8 rows of activations. kAcross warps have different weights.
template <Format kFormat, int kOutputs, int kRows>
struct TileSpace {
  static constexpr int kM = kRows == 8 ? 1 : 2;
  static constexpr int kAcross = kOutputs / (16 * kM);
  static constexpr int kN = kRows * kAcross / kWarps / 8;
  static constexpr int kWeightBytes =
      is_quantized(kFormat) ? kOutputs / kTileRows * static_cast<int>(tile_bytes(kFormat)) : kOutputs * kPitch;
  static constexpr int kStageBytes = kWeightBytes + kRows * kPitch;
  static constexpr int kStages = kSharedBytes / kStageBytes < kMostStages ? kSharedBytes / kStageBytes : kMostStages;
  static constexpr int kBytes = kStages * kStageBytes;
  static_assert(kStages >= 3 && kN >= 1 && kWeightBytes % 16 == 0);
};

/// Zeros unless it is there.
__device__ __forceinline__ void copy_piece(std::byte* to, const void* from, bool is_there) {
  const int bytes = is_there ? 16 : 0;
  asm volatile("cp.async.cg.shared.global [%0], [%1], 16, %2;" ::"r"(shared_address(to)), "l"(from), "r"(bytes)
               : "memory");
}

/// Where piece `piece` of a row is: two neighbouring rows, of which 8 lanes read 64 bytes each, are in different banks.
__device__ __forceinline__ int piece_place(int row, int piece) {
  return row * kPitch + (piece ^ (row & 1) << 2) * 16;
}

/// A block's items and their units, one after the other.
struct TilePlace {
  const TileCut& cut;
  int item;
  int output_tile = 0;
  int row_tile = 0;
  int part = 0;
  int unit = 0;
  int end = 0;

  __device__ explicit TilePlace(const TileCut& of) : cut(of), item(static_cast<int>(blockIdx.x)) { begin(); }
  __device__ bool has_item() const { return item < cut.items(); }
  __device__ bool is_last_unit() const { return unit + 1 == end; }
  __device__ void begin() {
    const int tile = item / cut.row_tiles;
    row_tile = item - tile * cut.row_tiles;
    part = tile / cut.output_tiles;
    output_tile = tile - part * cut.output_tiles;
    unit = part * cut.part_units;
    end = min(unit + cut.part_units, cut.units);
  }
  __device__ void next_unit() {
    if (++unit < end) return;
    item += static_cast<int>(gridDim.x);
    begin();
  }
};

/// Rows of 16-bit values; those behind `n_rows` and inputs behind `n_inputs` become zeros.
template <int kRows>
__device__ __forceinline__ void copy_rows(std::byte* stage, const void* data, std::int64_t stride, int first_row,
                                          int n_rows, int first_input, int n_inputs) {
  const auto* from = static_cast<const std::uint16_t*>(data);
#pragma unroll
  for (int i = static_cast<int>(threadIdx.x); i < kRows * kPieces; i += kThreads) {
    const int row = i / kPieces;
    const int piece = i % kPieces;
    const int input = first_input + piece * 8;
    const bool is_there = first_row + row < n_rows && input < n_inputs;
    copy_piece(stage + piece_place(row, piece), from + (is_there ? (first_row + row) * stride + input : 0), is_there);
  }
}

template <Format kFormat, int kOutputs>
__device__ __forceinline__ void copy_weights(const TileProduct& p, const TilePlace& place, std::byte* stage) {
  if constexpr (is_quantized(kFormat)) {
    constexpr int kTileBytes = static_cast<int>(tile_bytes(kFormat));
    constexpr int kTilePieces = kTileBytes / 16;
    const auto* from = static_cast<const std::byte*>(p.w);
    const int first_tile = place.output_tile * (kOutputs / kTileRows);
#pragma unroll
    for (int i = static_cast<int>(threadIdx.x); i < kOutputs / kTileRows * kTilePieces; i += kThreads) {
      const int tile = i / kTilePieces;
      const bool is_there = first_tile + tile < p.shape.row_tiles;
      const std::int64_t at = static_cast<std::int64_t>(is_there ? first_tile + tile : 0) * p.cut.units + place.unit;
      copy_piece(stage + i * 16, from + at * kTileBytes + i % kTilePieces * 16, is_there);
    }
  } else {
    copy_rows<kOutputs>(stage, p.w, p.shape.padded_inputs, place.output_tile * kOutputs, p.shape.rows,
                        place.unit * kTileInputs, p.shape.padded_inputs);
  }
}

/// 8 rows of a tile of weights: see LaneCodes.
template <Format kFormat>
struct LaneWeights : LaneCodes<kFormat> {
  __device__ __forceinline__ void load(const std::byte* weights, int tile, int half) {
    LaneCodes<kFormat>::load(weights + tile * tile_bytes(kFormat), half);
  }
};
struct LaneRow {
  const std::byte* row_pieces;
  int odd;

  __device__ __forceinline__ void load(const std::byte* weights, int tile, int half) {
    const int lane = static_cast<int>(threadIdx.x) % kWarp;
    row_pieces = weights + (tile * kTileRows + half * 8 + lane / 4) * kPitch;
    odd = (lane / 4 & 1) << 2;
  }
  __device__ __forceinline__ uint4 values(int j) const {
    const int piece = (j * 4 + static_cast<int>(threadIdx.x) % 4) ^ odd;
    return *reinterpret_cast<const uint4*>(row_pieces + piece * 16);
  }
};
template <>
struct LaneWeights<Format::kF16> : LaneRow {};
template <>
struct LaneWeights<Format::kBf16> : LaneRow {};

/// Adds the products of a unit. `tile0`: this warp's first tile of weights; `n0`: its first row of activations.
template <typename T, Format kFormat, typename Space>
__device__ __forceinline__ void multiply_unit(const std::byte* stage, int tile0, int n0,
                                              float (&sum)[Space::kM][Space::kN][4]) {
  const int lane = static_cast<int>(threadIdx.x) % kWarp;
  LaneWeights<kFormat> weights[Space::kM][2];
#pragma unroll
  for (int m = 0; m < Space::kM; ++m) {
#pragma unroll
    for (int half = 0; half < 2; ++half) weights[m][half].load(stage, tile0 + m, half);
  }
  const std::byte* x = stage + Space::kWeightBytes;
#pragma unroll
  for (int j = 0; j < kTileInputs / 32; ++j) {
    uint4 b[Space::kN];
#pragma unroll
    for (int n = 0; n < Space::kN; ++n) {
      b[n] = *reinterpret_cast<const uint4*>(x + piece_place(n0 + n * 8 + lane / 4, j * 4 + lane % 4));
    }
#pragma unroll
    for (int m = 0; m < Space::kM; ++m) {
      const uint4 low = weights[m][0].values(j);
      const uint4 high = weights[m][1].values(j);
#pragma unroll
      for (int n = 0; n < Space::kN; ++n) multiply<T>(sum[m][n], low.x, high.x, low.y, high.y, b[n].x, b[n].y);
#pragma unroll
      for (int n = 0; n < Space::kN; ++n) multiply<T>(sum[m][n], low.z, high.z, low.w, high.w, b[n].z, b[n].w);
    }
  }
}

/// sum[m][n][i] is of weight row `output` + 16 m + 8 (i / 2) and activation row `row` + 8 n + i % 2.
template <typename T, typename Space>
__device__ __forceinline__ void store_sums(const TileProduct& p, const float (&sum)[Space::kM][Space::kN][4],
                                           int output, int row, int part) {
  const auto bias_at = [&](int at) { return p.bias != nullptr && part == 0 && at < p.shape.rows ? p.bias[at] : 0.0F; };
#pragma unroll
  for (int m = 0; m < Space::kM; ++m) {
    const int at = output + m * 16;
    const float bias[2] = {bias_at(at), bias_at(at + 8)};
    // Of 16 rows of a gated product, the first 8 are gates of the others.
    const bool gated = p.activates && p.model.gated != 0;
    const int to = gated ? at / 16 * 8 + at % 16 : at;
#pragma unroll
    for (int i = 0; i < 2 * Space::kN; ++i) {
      const int n = row + i / 2 * 8 + i % 2;
      if (n >= p.rows) continue;
      float low = sum[m][i / 2][i % 2] + bias[0];
      float high = sum[m][i / 2][2 + i % 2] + bias[1];
      const std::int64_t place = part * p.part_stride + static_cast<std::int64_t>(n) * p.y.stride + to;
      if (!p.activates) {
        float* y = static_cast<float*>(p.y.data) + place;
        if (at < p.shape.rows) y[0] = low;
        if (at + 8 < p.shape.rows) y[8] = high;
        continue;
      }
      T* y = static_cast<T*>(p.y.data) + place;
      low = activated(p.model.activation, low);
      if (gated) {
        if (to < p.model.intermediate) y[0] = as_value<T>(low * high);
      } else {
        if (at < p.shape.rows) y[0] = as_value<T>(low);
        if (at + 8 < p.shape.rows) y[8] = as_value<T>(activated(p.model.activation, high));
      }
    }
  }
}

template <typename T, Format kFormat, int kOutputs, int kRows>
__global__ void __launch_bounds__(kThreads, 1) tile_product(const __grid_constant__ TileProduct p) {
  using Space = TileSpace<kFormat, kOutputs, kRows>;
  extern __shared__ __align__(128) std::byte stages[];
  let_successor_begin();
  const auto stage_at = [&](int step) { return stages + step % Space::kStages * Space::kStageBytes; };
  const auto copy_activations = [&](const TilePlace& place, std::byte* stage) {
    copy_rows<kRows>(stage + Space::kWeightBytes, p.x.data, p.x.stride, place.row_tile * kRows, p.rows,
                     place.unit * kTileInputs, p.x.stride);
  };
  TilePlace ahead(p.cut);
  constexpr int kAhead = Space::kStages - 1;
  for (int i = 0; i < kAhead && ahead.has_item(); ++i, ahead.next_unit()) {
    copy_weights<kFormat, kOutputs>(p, ahead, stage_at(i));
  }
  wait_for_predecessors();
  TilePlace place(p.cut);
  TilePlace first = place;
  for (int i = 0; i < kAhead; ++i) {
    if (first.has_item()) {
      copy_activations(first, stage_at(i));
      first.next_unit();
    }
    asm volatile("cp.async.commit_group;" ::: "memory");
  }
  const int warp = static_cast<int>(threadIdx.x) / kWarp;
  const int lane = static_cast<int>(threadIdx.x) % kWarp;
  const int tile0 = warp % Space::kAcross * Space::kM;
  const int n0 = warp / Space::kAcross * Space::kN * 8;
  float sum[Space::kM][Space::kN][4] = {};
#pragma unroll 1
  for (int step = 0; place.has_item(); ++step) {
    asm volatile("cp.async.wait_group %0;" ::"n"(kAhead - 1) : "memory");
    __syncthreads();
    if (ahead.has_item()) {
      std::byte* stage = stage_at(step + kAhead);
      copy_weights<kFormat, kOutputs>(p, ahead, stage);
      copy_activations(ahead, stage);
      ahead.next_unit();
    }
    asm volatile("cp.async.commit_group;" ::: "memory");
    multiply_unit<T, kFormat, Space>(stage_at(step), tile0, n0, sum);
    if (place.is_last_unit()) {
      store_sums<T, Space>(p, sum, place.output_tile * kOutputs + tile0 * 16 + lane / 4,
                           place.row_tile * kRows + n0 + lane % 4 * 2, place.part);
#pragma unroll
      for (int i = 0; i < Space::kM * Space::kN * 4; ++i) sum[i / (Space::kN * 4)][i / 4 % Space::kN][i % 4] = 0;
    }
    place.next_unit();
  }
}

/// Calls use(kernel, bytes of shared memory) with the kernels for cuts that `is_wanted(outputs, rows)` holds for.
template <typename T, Format kFormat, typename IsWanted, typename Use>
void with_kernels(IsWanted is_wanted, Use use) {
  const auto one = [&]<int kOutputs, int kRows>() {
    if (is_wanted(kOutputs, kRows)) {
      use(tile_product<T, kFormat, kOutputs, kRows>, TileSpace<kFormat, kOutputs, kRows>::kBytes);
    }
  };
  one.template operator()<128, 8>();
  one.template operator()<64, 64>();
  one.template operator()<128, 64>();
  one.template operator()<64, 128>();
  one.template operator()<128, 128>();
}
template <typename IsWanted, typename Use>
void with_kernels(Format values, Format weights, IsWanted is_wanted, Use use) {
  if (values == Format::kF16) {
    with_kernels<__half, Format::kF16>(is_wanted, use);
  } else if (weights == Format::kInt8) {
    with_kernels<__nv_bfloat16, Format::kInt8>(is_wanted, use);
  } else if (weights == Format::kInt4) {
    with_kernels<__nv_bfloat16, Format::kInt4>(is_wanted, use);
  } else {
    with_kernels<__nv_bfloat16, Format::kBf16>(is_wanted, use);
  }
}

}  // namespace

std::int32_t tile_product_bytes() {
  return kSharedBytes;
}

void prepare_tile_products(Format values, Format weights) {
  with_kernels(
      values, weights, [](int, int) { return true; },
      [](auto kernel, int bytes) {
        check(cudaFuncSetAttribute(kernel, cudaFuncAttributeMaxDynamicSharedMemorySize, bytes),
              "giving products their shared memory");
      });
}

void run_tile_product(const TileProduct& product, Format values, std::int32_t n_blocks, cudaStream_t stream) {
  const TileCut& cut = product.cut;
  with_kernels(
      values, product.shape.format, [&](int outputs, int rows) { return outputs == cut.outputs && rows == cut.rows; },
      [&](auto kernel, int bytes) {
        launch_early("a product", kernel, dim3(static_cast<unsigned>(std::min(cut.items(), n_blocks))), kThreads,
                     static_cast<std::size_t>(bytes), stream, product);
      });
}

}  // namespace inferbench::cuda_backend
