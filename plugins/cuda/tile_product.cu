// SPDX-License-Identifier: Apache-2.0
//
// A block copies units of 128 inputs, of weights and of activations, through a ring of stages, and its warpgroups
// multiply them. The first weights are on their way before the kernels in front have ended.
#include "tile_product.hpp"

#include "cuda_call.hpp"
#include "launch.cuh"
#include "step_ring.cuh"
#include "warpgroup.cuh"
#include "weight_codes.cuh"

namespace inferbench::cuda_backend {
namespace {

constexpr int kWarpgroup = 4 * kWarp;
constexpr int kUnitPieces = kTileInputs / 8;  // of 16 bytes, of a row of 16-bit values
constexpr int kMostStages = 6;
constexpr int kSumPitch = 64 + 4;  // floats of a row of sums in shared memory: neighbouring lanes in different banks
#ifndef IB_FAR
#define IB_FAR 4
#endif
constexpr int kFar = IB_FAR;  // units that are on their way to L2

/// A warpgroup multiplies 64 weight rows by all rows of activations. A stage has activations, then weights. Quantized
/// weights are converted to one of two buffers, while the other one is read; of few rows, that is read soon enough.
template <Format kFormat, int kOutputs, int kRows>
struct TileSpace {
  static constexpr bool kCoded = is_quantized(kFormat);
  static constexpr int kThreads = kOutputs / 64 * kWarpgroup;
  static constexpr int kBlocks = kOutputs == 64 || kRows == 8 ? 2 : 1;  // of a multiprocessor
  static constexpr int kN = kRows / 8;
  static constexpr int kSharedBytes = (kTileSharedBytes - kSwizzledAlignment) / kBlocks;
  static constexpr int kRowBytes = kRows * kTileInputs * 2;
  static constexpr int kPlainBytes = kOutputs * kTileInputs * 2;
  static constexpr int kWeightBytes =
      kCoded ? kOutputs / kTileRows * static_cast<int>(tile_bytes(kFormat)) : kPlainBytes;
  static constexpr int kStageBytes =
      static_cast<int>(round_up(kRowBytes + kWeightBytes, std::int64_t{kSwizzledAlignment}));
  static constexpr int kBuffers = !kCoded ? 0 : kRows == 8 ? 1 : 2;
  static constexpr int kBufferBytes = kBuffers * kPlainBytes;
  static constexpr int kFit = (kSharedBytes - kBufferBytes) / kStageBytes;
  static constexpr int kStages = kFit < kMostStages ? kFit : kMostStages;
  static constexpr int kBytes = kBufferBytes + kStages * kStageBytes + kSwizzledAlignment;
  static_assert(kStages >= 3 && kStageBytes >= kRows * kSumPitch * 4);
};

/// Zeros unless it is there.
__device__ __forceinline__ void copy_piece(std::byte* to, const void* from, bool is_there) {
  const int bytes = is_there ? 16 : 0;
  asm volatile("cp.async.cg.shared.global [%0], [%1], 16, %2;" ::"r"(shared_address(to)), "l"(from), "r"(bytes)
               : "memory");
}

/// Of a unit of `n_rows` rows: two operands, one behind the other.
__device__ __forceinline__ int piece_place(int n_rows, int row, int piece) {
  return piece / 8 * n_rows * kSwizzledPitch + swizzled_place(row, piece % 8);
}

/// A block's item, and its units.
struct TilePlace {
  int output_tile;
  int row_tile;
  int part;
  int first_unit;
  int n_units;

  __device__ explicit TilePlace(const TileCut& cut) {
    const int item = static_cast<int>(blockIdx.x);
    const int tile = item / cut.row_tiles;  // blocks that share weights are neighbours
    row_tile = item - tile * cut.row_tiles;
    part = tile / cut.output_tiles;
    output_tile = tile - part * cut.output_tiles;
    first_unit = part * cut.part_units;
    n_units = min(cut.part_units, cut.units - first_unit);
  }
};

/// Copies units of kRows rows of 16-bit values; rows behind `n_rows` and inputs behind `n_inputs` become zeros.
template <int kRows, int kThreads>
class RowCopies {
 public:
  __device__ RowCopies(const void* data, std::int64_t stride, int first_row, int n_rows, int first_unit, int n_inputs)
      : from_(static_cast<const std::uint16_t*>(data)),
        stride_(stride),
        row_(static_cast<int>(threadIdx.x) / kUnitPieces),
        n_rows_(min(n_rows - first_row, kRows) - row_),
        input_(first_unit * kTileInputs + static_cast<int>(threadIdx.x) % kUnitPieces * 8),
        n_inputs_(n_inputs),
        offset_((first_row + row_) * stride + input_),
        place_(piece_place(kRows, row_, static_cast<int>(threadIdx.x) % kUnitPieces)) {}

  __device__ __forceinline__ void copy(int unit, std::byte* to) const {
    const int n = input_ + unit * kTileInputs < n_inputs_ ? n_rows_ : 0;
    const std::uint16_t* mine = from_ + offset_ + unit * kTileInputs;
#pragma unroll
    for (int i = 0; i < kRows; i += kStep) {
      if (kRows < kStep && row_ >= kRows) break;
      copy_piece(to + place_ + i * kSwizzledPitch, i < n ? mine : from_, i < n);
      mine += kStep * stride_;
    }
  }
  /// Brings a unit to L2: the ring alone is too short to hide the latency of memory.
  __device__ __forceinline__ void prefetch(int unit) const {
    if (threadIdx.x % 8 != 0 || input_ + unit * kTileInputs >= n_inputs_) return;
    const std::uint16_t* mine = from_ + offset_ + unit * kTileInputs;
#pragma unroll
    for (int i = 0; i < kRows; i += kStep) {
      if (i < n_rows_) prefetch_line(mine);
      mine += kStep * stride_;
    }
  }

 private:
  static constexpr int kStep = kThreads / kUnitPieces;  // rows
  static_assert(kStep % 8 == 0);                        // so that the swizzle stays the same
  const std::uint16_t* from_;
  std::int64_t stride_;
  int row_;
  int n_rows_;
  int input_;
  int n_inputs_;
  std::int64_t offset_;
  int place_;
};

/// The same of kTiles quantized tiles, one below the other.
template <Format kFormat, int kTiles, int kThreads>
class CodeCopies {
 public:
  __device__ CodeCopies(const void* data, const MatrixShape& shape, int first_tile, int first_unit)
      : n_tiles_(min(shape.row_tiles - first_tile, kTiles)), pitch_(shape.padded_inputs / kTileInputs * kTileBytes) {
    from_ = static_cast<const std::byte*>(data) + static_cast<std::int64_t>(first_tile) * pitch_ +
            first_unit * std::int64_t{kTileBytes};
  }

  __device__ __forceinline__ void copy(int unit, std::byte* to) const {
    const std::byte* mine = from_ + unit * std::int64_t{kTileBytes};
#pragma unroll
    for (int i = static_cast<int>(threadIdx.x); i < kTiles * kPieces; i += kThreads) {
      const bool is_there = i / kPieces < n_tiles_;
      copy_piece(to + i * 16, is_there ? mine + i / kPieces * pitch_ + i % kPieces * 16 : from_, is_there);
    }
  }
  __device__ __forceinline__ void prefetch(int unit) const {
    constexpr int kLine = 128;
    constexpr int kLines = kTileBytes / kLine;
    const std::byte* mine = from_ + unit * std::int64_t{kTileBytes};
    for (int i = static_cast<int>(threadIdx.x); i < n_tiles_ * kLines; i += kThreads) {
      prefetch_line(mine + i / kLines * pitch_ + i % kLines * kLine);
    }
  }

 private:
  static constexpr int kTileBytes = static_cast<int>(tile_bytes(kFormat));
  static constexpr int kPieces = kTileBytes / 16;
  const std::byte* from_;
  int n_tiles_;
  int pitch_;  // bytes from a tile to the one below
};

/// This warp's tile of a unit of codes becomes bfloat16. `warp`: of the block.
template <Format kFormat, int kOutputs>
__device__ __forceinline__ void convert_tile(const std::byte* codes, std::byte* to, int warp) {
  const int lane = static_cast<int>(threadIdx.x) % kWarp;
#pragma unroll
  for (int half = 0; half < 2; ++half) {
    LaneCodes<kFormat> mine;
    mine.load(codes + warp * tile_bytes(kFormat), half);
    const int row = warp * kTileRows + half * 8 + lane / 4;
#pragma unroll
    for (int j = 0; j < kTileInputs / 32; ++j) {
      *reinterpret_cast<uint4*>(to + piece_place(kOutputs, row, j * 4 + lane % 4)) = mine.values(j);
    }
  }
}

__device__ __forceinline__ void sync_warpgroup(int group) {
  asm volatile("bar.sync %0, %1;" ::"r"(group + 1), "n"(kWarpgroup) : "memory");
}

/// A warpgroup's sums in shared memory: [row of activations][64 weight rows], so that they are stored by a short loop.
/// Long code is slow the first time that it runs: with an activation for each register, its instructions took longer to
/// arrive than all else.
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

__device__ __forceinline__ float4 sums_at(const TileProduct& p, const float* row, int in_tile, int output, int part) {
  float4 sums = *reinterpret_cast<const float4*>(row + in_tile);
  if (p.bias == nullptr || part != 0) return sums;
  const float4 bias = *reinterpret_cast<const float4*>(p.bias + output);
  return make_float4(sums.x + bias.x, sums.y + bias.y, sums.z + bias.z, sums.w + bias.w);
}

/// The code of the error function, only once.
__device__ __noinline__ float activated_by_erf(float x) {
  return activated(IB_ACTIVATION_GELU_ERF, x);
}
__device__ __forceinline__ float activated_value(std::int32_t activation, float x) {
  if (activation == IB_ACTIVATION_GELU_ERF) return activated_by_erf(x);
  return activated(activation, x);
}

/// Of 16 rows of a gated product, the first 8 are gates of the others. What is behind the matrix is zero.
template <typename T, int kRows>
__device__ __forceinline__ void store_sums(const TileProduct& p, const float* sums, int first_output, int first_row,
                                           int part) {
  const bool gated = p.activates && p.model.gated != 0;
  const int per_row = gated ? 3 : 4;  // as a power of 2: four values at a time
#pragma unroll 1
  for (int i = static_cast<int>(threadIdx.x) % kWarpgroup; i < kRows << per_row; i += kWarpgroup) {
    const int in_row = i & ((1 << per_row) - 1);
    const int in_tile = gated ? in_row / 2 * 16 + in_row % 2 * 4 : in_row * 4;
    const int output = first_output + in_tile;
    const int n = first_row + (i >> per_row);
    if (n >= p.rows || output >= p.shape.row_tiles * kTileRows) continue;
    const float* row = sums + (i >> per_row) * kSumPitch;
    float4 values = sums_at(p, row, in_tile, output, part);
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
      const float4 factors = sums_at(p, row, in_tile + 8, output + 8, part);
      values = make_float4(values.x * factors.x, values.y * factors.y, values.z * factors.z, values.w * factors.w);
      to = output / 16 * 8 + output % 16;
    }
    *reinterpret_cast<uint2*>(static_cast<T*>(p.y.data) + at + to) =
        make_uint2(pair_of<T>(values.x, values.y), pair_of<T>(values.z, values.w));
  }
}

template <Format kFormat, int kOutputs, int kThreads>
__device__ __forceinline__ auto weight_copies(const TileProduct& p, const TilePlace& place) {
  if constexpr (is_quantized(kFormat)) {
    constexpr int kTiles = kOutputs / kTileRows;
    return CodeCopies<kFormat, kTiles, kThreads>(p.w, p.shape, place.output_tile * kTiles, place.first_unit);
  } else {
    return RowCopies<kOutputs, kThreads>(p.w, p.shape.padded_inputs, place.output_tile * kOutputs, p.shape.rows,
                                         place.first_unit, p.shape.padded_inputs);
  }
}

template <typename T, Format kFormat, int kOutputs, int kRows>
__global__ void __launch_bounds__(TileSpace<kFormat, kOutputs, kRows>::kThreads,
                                  TileSpace<kFormat, kOutputs, kRows>::kBlocks)
    tile_product(const __grid_constant__ TileProduct p) {
  using Space = TileSpace<kFormat, kOutputs, kRows>;
  constexpr int kAhead = Space::kStages - 2;  // one stage is multiplied while the next one is prepared
  extern __shared__ std::byte shared_bytes[];
  std::byte* buffers = shared_bytes + (-shared_address(shared_bytes) & (kSwizzledAlignment - 1));
  std::byte* stages = buffers + Space::kBufferBytes;
  const auto stage_at = [&](int step) { return stages + step % Space::kStages * Space::kStageBytes; };
  let_successor_begin();
  const TilePlace place(p.cut);
  const int n_units = place.n_units;
  const auto weights = weight_copies<kFormat, kOutputs, Space::kThreads>(p, place);
  const RowCopies<kRows, Space::kThreads> activations(p.x.data, p.x.stride, place.row_tile * kRows, p.rows,
                                                      place.first_unit, p.x.stride);
#pragma unroll 1
  for (int i = 0; i < min(kFar, n_units); ++i) weights.prefetch(i);
#pragma unroll 1
  for (int i = 0; i < min(kAhead, n_units); ++i) weights.copy(i, stage_at(i) + Space::kRowBytes);
  wait_for_predecessors();
#pragma unroll 1
  for (int i = 0; i < kAhead; ++i) {
    if (i < n_units) activations.copy(i, stage_at(i));
    asm volatile("cp.async.commit_group;" ::: "memory");
  }
  const int warp = static_cast<int>(threadIdx.x) / kWarp;
  const int group = warp / 4;
  float sum[Space::kN][4];
#pragma unroll 1
  for (int unit = 0; unit < n_units; ++unit) {
    asm volatile("cp.async.wait_group %0;" ::"n"(kAhead - 1) : "memory");
    publish_to_instructions();
    __syncthreads();
    if (unit + kFar < n_units) weights.prefetch(unit + kFar);
    if (unit + kAhead < n_units) {
      std::byte* stage = stage_at(unit + kAhead);
      weights.copy(unit + kAhead, stage + Space::kRowBytes);
      activations.copy(unit + kAhead, stage);
    }
    asm volatile("cp.async.commit_group;" ::: "memory");
    std::byte* stage = stage_at(unit);
    std::byte* plain = stage + Space::kRowBytes;
    if constexpr (Space::kCoded) {
      std::byte* buffer = buffers + unit % Space::kBuffers * Space::kPlainBytes;
      convert_tile<kFormat, kOutputs>(plain, buffer, warp);
      publish_to_instructions();
      sync_warpgroup(group);
      plain = buffer;
    }
    const std::uint64_t a = operand(shared_address(plain) + group * 64 * kSwizzledPitch);
    const std::uint64_t b = operand(shared_address(stage));
    begin_group();
#pragma unroll
    for (int k = 0; k < kTileInputs / 16; ++k) {
      multiply_group<T, Space::kN>(sum, a + (k / 4 * kOutputs * kSwizzledPitch / 16 + k % 4 * 2),
                                   b + (k / 4 * kRows * kSwizzledPitch / 16 + k % 4 * 2), unit + k > 0);
    }
    commit_group();
    wait_groups<Space::kBuffers == 1 ? 0 : 1>();
  }
  wait_groups<0>();
  __syncthreads();  // all stages have been multiplied
  auto* sums = reinterpret_cast<float*>(stage_at(group));
  spread_sums(sum, sums);
  sync_warpgroup(group);
  store_sums<T, kRows>(p, sums, place.output_tile * kOutputs + group * 64, place.row_tile * kRows, place.part);
}

/// Calls use(kernel, bytes of shared memory, threads) with the kernels for cuts that `is_wanted(outputs, rows)` holds for.
template <typename T, Format kFormat, typename IsWanted, typename Use>
void with_kernels(IsWanted is_wanted, Use use) {
  const auto one = [&]<int kOutputs, int kRows>() {
    if (is_wanted(kOutputs, kRows)) {
      using Space = TileSpace<kFormat, kOutputs, kRows>;
      use(tile_product<T, kFormat, kOutputs, kRows>, Space::kBytes, Space::kThreads);
    }
  };
  one.template operator()<128, 8>();
  one.template operator()<64, 64>();
  one.template operator()<128, 64>();
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

void prepare_tile_products(Format values, Format weights) {
  with_kernels(
      values, weights, [](int, int) { return true; },
      [](auto kernel, int bytes, int) {
        check(cudaFuncSetAttribute(kernel, cudaFuncAttributeMaxDynamicSharedMemorySize, bytes),
              "giving products their shared memory");
      });
}

void run_tile_product(const TileProduct& product, Format values, cudaStream_t stream) {
  const TileCut& cut = product.cut;
  with_kernels(
      values, product.shape.format, [&](int outputs, int rows) { return outputs == cut.outputs && rows == cut.rows; },
      [&](auto kernel, int bytes, int threads) {
        launch_early("a product", kernel, dim3(static_cast<unsigned>(cut.items())), static_cast<unsigned>(threads),
                     static_cast<std::size_t>(bytes), stream, product);
      });
}

}  // namespace inferbench::cuda_backend
