// SPDX-License-Identifier: Apache-2.0
//
// A producer thread copies units of 128 inputs, of weights and of activations, through a ring of stages, and two
// warpgroups multiply them. The first weights are on their way before the kernels in front have ended.
#include "cuda_call.hpp"
#include "launch.cuh"
#include "step_ring.cuh"
#include "tensor_map.hpp"
#include "tile_product.hpp"
#include "warpgroup.cuh"
#include "weight_codes.cuh"

namespace inferbench::cuda_backend {
namespace {

constexpr int kWarpgroup = 4 * kWarp;
constexpr int kConsumers = kStepWarps * kWarp;  // two warpgroups
constexpr int kThreads = kConsumers + kWarp;    // and the producer
constexpr int kMostStages = 6;
constexpr int kBarrierBytes = 1024;
constexpr int kSumPitch = 64 + 4;  // floats of a row of sums in shared memory: neighbouring lanes in different banks

/// A warpgroup multiplies 64 weight rows by all rows of activations. A stage has activations, then weights. Quantized
/// weights are converted to one of two buffers, while the other one is read; of few rows, that is read soon enough.
template <Format kFormat, int kRows>
struct TileSpace {
  static constexpr bool kCoded = is_quantized(kFormat);
  static constexpr int kBlocks = kRows == 8 ? 2 : 1;  // of a multiprocessor
  static constexpr int kN = kRows / 8;
  static constexpr int kSharedBytes = kTileSharedBytes / kBlocks - kSwizzledAlignment - kBarrierBytes;
  static constexpr int kRowBytes = kRows * kTileInputs * 2;
  static constexpr int kPlainBytes = kTileOutputs * kTileInputs * 2;
  static constexpr int kTileBytes = static_cast<int>(tile_bytes(kFormat));
  static constexpr int kWeightBytes = kCoded ? kTileOutputs / kTileRows * kTileBytes : kPlainBytes;
  static constexpr int kStageBytes =
      static_cast<int>(round_up(kRowBytes + kWeightBytes, std::int64_t{kSwizzledAlignment}));
  static constexpr int kBuffers = !kCoded ? 0 : kRows == 8 ? 1 : 2;
  static constexpr int kBufferBytes = kBuffers * kPlainBytes;
  static constexpr int kFit = (kSharedBytes - kBufferBytes) / kStageBytes;
  static constexpr int kStages = kFit < kMostStages ? kFit : kMostStages;
  static constexpr int kBytes = kBufferBytes + kStages * kStageBytes + kBarrierBytes + kSwizzledAlignment;
  static_assert(kStages >= 3 && kStageBytes >= kRows * kSumPitch * 4);
};

/// Where piece `piece` of 16 bytes of a row of a unit is: a unit of `n_rows` rows is two operands.
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

/// A unit of rows of 16-bit values; what is outside the matrix becomes zeros.
__device__ __forceinline__ void copy_unit(std::byte* to, const CUtensorMap& map, int n_rows, int unit, int row,
                                          std::uint32_t barrier) {
#pragma unroll
  for (int half = 0; half < kTileInputs / kBoxInputs; ++half) {
    asm volatile(
        "cp.async.bulk.tensor.2d.shared::cluster.global.tile.mbarrier::complete_tx::bytes [%0], [%1, {%2, %3}], "
        "[%4];" ::"r"(shared_address(to + half * n_rows * kSwizzledPitch)),
        "l"(&map), "r"(unit * kTileInputs + half * kBoxInputs), "r"(row), "r"(barrier)
        : "memory");
  }
}

template <Format kFormat, int kRows>
__device__ void produce(const TileProduct& p, const TilePlace& place, RingPlace ring) {
  using Space = TileSpace<kFormat, kRows>;
  const auto copy_weights = [&](const RingPlace& at, int unit) {
    std::byte* to = at.stage() + Space::kRowBytes;
    if constexpr (Space::kCoded) {
      const int first_tile = place.output_tile * (kTileOutputs / kTileRows);
      const int n_tiles = min(kTileOutputs / kTileRows, p.shape.row_tiles - first_tile);
      at.expect(n_tiles * Space::kTileBytes);
      const std::int64_t first = static_cast<std::int64_t>(first_tile) * p.cut.units + place.first_unit + unit;
      const auto* from = static_cast<const std::byte*>(p.w) + first * Space::kTileBytes;
      for (int i = 0; i < n_tiles; ++i) {
        copy_bulk(to + i * Space::kTileBytes, from, Space::kTileBytes, at.full());
        from += static_cast<std::int64_t>(p.cut.units) * Space::kTileBytes;
      }
    } else {
      at.expect(Space::kPlainBytes);
      copy_unit(to, p.w_map, kTileOutputs, place.first_unit + unit, place.output_tile * kTileOutputs, at.full());
    }
  };
  const auto copy_activations = [&](const RingPlace& at, int unit) {
    at.expect(Space::kRowBytes);
    copy_unit(at.stage(), p.x_map, kRows, place.first_unit + unit, place.row_tile * kRows, at.full());
  };
  RingPlace first = ring;
  const int n_ahead = min(Space::kStages, place.n_units);
#pragma unroll 1
  for (int i = 0; i < n_ahead; ++i, ring.advance()) copy_weights(ring, i);
  wait_for_predecessors();
#pragma unroll 1
  for (int i = 0; i < n_ahead; ++i, first.advance()) copy_activations(first, i);
#pragma unroll 1
  for (int i = n_ahead; i < place.n_units; ++i, ring.advance()) {
    ring.wait_empty();
    copy_weights(ring, i);
    copy_activations(ring, i);
  }
}

/// This warp's tile of a unit of codes becomes bfloat16. `warp`: of the block.
template <Format kFormat>
__device__ __forceinline__ void convert_tile(const std::byte* codes, std::byte* to, int warp) {
  const int lane = static_cast<int>(threadIdx.x) % kWarp;
#pragma unroll
  for (int half = 0; half < 2; ++half) {
    LaneCodes<kFormat> mine;
    mine.load(codes + warp * tile_bytes(kFormat), half);
    const int row = warp * kTileRows + half * 8 + lane / 4;
#pragma unroll
    for (int j = 0; j < kTileInputs / 32; ++j) {
      *reinterpret_cast<uint4*>(to + piece_place(kTileOutputs, row, j * 4 + lane % 4)) = mine.values(j);
    }
  }
}

__device__ __forceinline__ void sync_warpgroup(int group) {
  constexpr int kFirst = 2;  // 0 and 1 are of __syncthreads and sync_consumers
  asm volatile("bar.sync %0, %1;" ::"r"(group + kFirst), "n"(kWarpgroup) : "memory");
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

template <typename T, Format kFormat, int kRows>
__device__ void consume(const TileProduct& p, const TilePlace& place, RingPlace ring, std::byte* buffers,
                        std::byte* stages) {
  using Space = TileSpace<kFormat, kRows>;
  constexpr int kPending = Space::kBuffers == 1 ? 0 : 1;
  const int warp = static_cast<int>(threadIdx.x) / kWarp;
  const int lane = static_cast<int>(threadIdx.x) % kWarp;
  const int group = warp / 4;
  RingPlace multiplied = ring;
  float sum[Space::kN][4];
#pragma unroll 1
  for (int unit = 0; unit < place.n_units; ++unit, ring.advance()) {
    ring.wait_full();
    std::byte* weights = ring.stage() + Space::kRowBytes;
    if constexpr (Space::kCoded) {
      std::byte* buffer = buffers + unit % Space::kBuffers * Space::kPlainBytes;
      convert_tile<kFormat>(weights, buffer, warp);
      publish_to_instructions();
      sync_warpgroup(group);
      weights = buffer;
    }
    const std::uint64_t a = operand(shared_address(weights) + group * 64 * kSwizzledPitch);
    const std::uint64_t b = operand(shared_address(ring.stage()));
    begin_group();
#pragma unroll
    for (int k = 0; k < kTileInputs / 16; ++k) {
      multiply_group<T, Space::kN>(sum, a + (k / 4 * kTileOutputs * kSwizzledPitch / 16 + k % 4 * 2),
                                   b + (k / 4 * kRows * kSwizzledPitch / 16 + k % 4 * 2), unit + k > 0);
    }
    commit_group();
    wait_groups<kPending>();
    if (unit < kPending) continue;
    if (lane == 0) multiplied.release();
    multiplied.advance();
  }
  wait_groups<0>();
  sync_consumers();  // all stages have been multiplied
  auto* sums = reinterpret_cast<float*>(stages + group * Space::kStageBytes);
  spread_sums(sum, sums);
  sync_warpgroup(group);
  store_sums<T, kRows>(p, sums, place.output_tile * kTileOutputs + group * 64, place.row_tile * kRows, place.part);
}

template <typename T, Format kFormat, int kRows>
__global__ void __launch_bounds__(kThreads, TileSpace<kFormat, kRows>::kBlocks)
    tile_product(const __grid_constant__ TileProduct p) {
  using Space = TileSpace<kFormat, kRows>;
  extern __shared__ std::byte shared_bytes[];
  std::byte* buffers = shared_bytes + (-shared_address(shared_bytes) & (kSwizzledAlignment - 1));
  std::byte* stages = buffers + Space::kBufferBytes;
  const RingPlace ring(stages + Space::kStages * Space::kStageBytes, stages, Space::kStages, Space::kStageBytes);
  if (threadIdx.x == 0) ring.init(2);
  __syncthreads();
  let_successor_begin();
  const TilePlace place(p.cut);
  if (threadIdx.x < kConsumers) {
    consume<T, kFormat, kRows>(p, place, ring, buffers, stages);
  } else if (threadIdx.x == kConsumers) {
    produce<kFormat, kRows>(p, place, ring);
  }
}

/// Calls use(kernel, bytes of shared memory) with the kernels for cuts that `is_wanted(rows)` holds for.
template <typename T, Format kFormat, typename IsWanted, typename Use>
void with_kernels(IsWanted is_wanted, Use use) {
  const auto one = [&]<int kRows>() {
    if (is_wanted(kRows)) use(tile_product<T, kFormat, kRows>, TileSpace<kFormat, kRows>::kBytes);
  };
  one.template operator()<8>();
  one.template operator()<64>();
  one.template operator()<128>();
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
      values, weights, [](int) { return true; },
      [](auto kernel, int bytes) {
        check(cudaFuncSetAttribute(kernel, cudaFuncAttributeMaxDynamicSharedMemorySize, bytes),
              "giving products their shared memory");
      });
}

void run_tile_product(const TileProduct& product, Format values, cudaStream_t stream) {
  with_kernels(
      values, product.shape.format, [&](int rows) { return rows == product.cut.rows; },
      [&](auto kernel, int bytes) {
        launch_early("a product", kernel, dim3(static_cast<unsigned>(product.cut.items())), kThreads,
                     static_cast<std::size_t>(bytes), stream, product);
      });
}

}  // namespace inferbench::cuda_backend
