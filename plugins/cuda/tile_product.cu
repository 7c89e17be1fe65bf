// SPDX-License-Identifier: Apache-2.0
//
// A producer thread copies units of 128 inputs, of weights and of activations, through a ring of stages, and two
// warpgroups multiply them. The first weights are on their way before the kernels in front have ended.
#include "cuda_call.hpp"
#include "launch.cuh"
#include "step_ring.cuh"
#include "tensor_map.hpp"
#include "tile_product.hpp"
#include "tile_results.cuh"
#include "warpgroup.cuh"
#include "weight_codes.cuh"

namespace inferbench::cuda_backend {
namespace {

constexpr int kThreads = kConsumers + kWarp;  // and the producer
constexpr int kMostStages = 9;
constexpr int kBarrierBytes = 1024;  // of barriers, and of the tile's bias
constexpr int kBiasAt = kBarrierBytes - kTileOutputs * 4;
static_assert(2 * kMostStages * 8 <= kBiasAt);

/// A warpgroup multiplies 64 weight rows by the rows of activations of the tile. A stage has activations, then weights.
/// Quantized weights are converted to one of two buffers, while the other one is read; of few rows, that is read soon
/// enough.
template <Format kFormat, int kRows, int kOutputs>
struct TileSpace {
  static constexpr int kShares = kTileOutputs / kOutputs;  // warpgroups that share weight rows, and take units in turn
  static constexpr bool kCoded = is_quantized(kFormat);
  static constexpr int kBlocks = kRows == 8 ? 2 : 1;  // of a multiprocessor
  static constexpr int kN = kRows / 8;
  // Inputs of a stage. Smaller stages of large tiles leave more of the shared memory to copies under way.
  static constexpr int kInputs = !kCoded && kRows > 8 && kOutputs == kTileOutputs ? kBoxInputs : kTileInputs;
  static constexpr int kUnitStages = kTileInputs / kInputs;
  static constexpr int kSharedBytes = kTileSharedBytes / kBlocks - kSwizzledAlignment - kBarrierBytes;
  static constexpr int kRowBytes = kRows * kInputs * 2;
  static constexpr int kPlainBytes = kOutputs * kInputs * 2;
  static constexpr int kTileBytes = static_cast<int>(tile_bytes(kFormat));
  static constexpr int kWeightBytes = kCoded ? kOutputs / kTileRows * kTileBytes : kPlainBytes;
  static constexpr int kStageBytes =
      static_cast<int>(round_up(kRowBytes + kWeightBytes, std::int64_t{kSwizzledAlignment}));
  static constexpr int kBuffers = !kCoded ? 0 : kRows == 8 ? 1 : 2;  // of a share
  static constexpr int kBufferBytes = kShares * kBuffers * kPlainBytes;
  static constexpr int kFit = (kSharedBytes - kBufferBytes) / kStageBytes;
  static constexpr int kStages = kFit < kMostStages ? kFit : kMostStages;
  static constexpr int kBytes = kBufferBytes + kStages * kStageBytes + kBarrierBytes + kSwizzledAlignment;
  static constexpr int kSums = kRows * kSumPitch;  // floats of a warpgroup's sums, in the place of stages
  static_assert(kStages >= 3 && kStages * kStageBytes >= 2 * kSums * 4);
};

/// Where piece `piece` of 16 bytes of a row of a unit is: a unit of `n_rows` rows is two operands.
__device__ __forceinline__ int piece_place(int n_rows, int row, int piece) {
  return piece / 8 * n_rows * kSwizzledPitch + swizzled_place(row, piece % 8);
}

/// Stage `index` of kInputs inputs of rows of 16-bit values; what is outside the matrix becomes zeros.
template <int kInputs>
__device__ __forceinline__ void copy_stage(std::byte* to, const CUtensorMap& map, int n_rows, int index, int row,
                                           std::uint32_t barrier) {
#pragma unroll
  for (int half = 0; half < kInputs / kBoxInputs; ++half) {
    asm volatile(
        "cp.async.bulk.tensor.2d.shared::cluster.global.tile.mbarrier::complete_tx::bytes [%0], [%1, {%2, %3}], "
        "[%4];" ::"r"(shared_address(to + half * n_rows * kSwizzledPitch)),
        "l"(&map), "r"(index * kInputs + half * kBoxInputs), "r"(row), "r"(barrier)
        : "memory");
  }
}

template <Format kFormat, int kRows, int kOutputs>
__device__ void produce(const TileProduct& p, const TilePlace& place, RingPlace ring) {
  using Space = TileSpace<kFormat, kRows, kOutputs>;
  const auto copy_weights = [&](const RingPlace& at, int unit) {
    std::byte* to = at.stage() + Space::kRowBytes;
    if constexpr (Space::kCoded) {
      const int first_tile = place.output_tile * (kOutputs / kTileRows);
      const int n_tiles = min(kOutputs / kTileRows, p.shape.row_tiles - first_tile);
      at.expect(n_tiles * Space::kTileBytes);
      const std::int64_t first = static_cast<std::int64_t>(first_tile) * p.cut.units + place.first_unit + unit;
      const auto* from = static_cast<const std::byte*>(p.w) + first * Space::kTileBytes;
      for (int i = 0; i < n_tiles; ++i) {
        copy_bulk(to + i * Space::kTileBytes, from, Space::kTileBytes, at.full());
        from += static_cast<std::int64_t>(p.cut.units) * Space::kTileBytes;
      }
    } else {
      at.expect(Space::kPlainBytes);
      copy_stage<Space::kInputs>(to, p.w_map, kOutputs, place.first_unit + unit, place.output_tile * kOutputs,
                                 at.full());
    }
  };
  const auto copy_activations = [&](const RingPlace& at, int unit) {
    at.expect(Space::kRowBytes);
    copy_stage<Space::kInputs>(at.stage(), p.x_map, kRows, place.first_unit + unit, place.row_tile * kRows, at.full());
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

/// Tile `warp` of a unit of codes becomes bfloat16.
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
  constexpr int kFirst = 2;  // 0 and 1 are of __syncthreads and sync_consumers
  asm volatile("bar.sync %0, %1;" ::"r"(group + kFirst), "n"(kWarpgroup) : "memory");
}

/// Adds up the units of this warpgroup's share.
template <typename T, Format kFormat, int kRows, int kOutputs>
__device__ __forceinline__ void multiply_units(const TilePlace& place, RingPlace ring, std::byte* buffers,
                                               float (&sum)[kRows / 8][4]) {
  using Space = TileSpace<kFormat, kRows, kOutputs>;
  constexpr int kShares = Space::kShares;
  constexpr int kPending = Space::kBuffers == 1 ? 0 : 1;
  constexpr int kWarps = kStepWarps / kShares;
  const int warp = static_cast<int>(threadIdx.x) / kWarp % kWarps;
  const int lane = static_cast<int>(threadIdx.x) % kWarp;
  const int group = static_cast<int>(threadIdx.x) / kWarpgroup;
  const int first = kShares > 1 ? group : 0;
  if (first > 0) ring.advance();
  RingPlace multiplied = ring;
  std::byte* buffer = buffers + first * Space::kBuffers * Space::kPlainBytes;
  int turn = 0;
#pragma unroll 1
  for (int unit = first; unit < place.n_units; unit += kShares) {
    ring.wait_full();
    std::byte* weights = ring.stage() + Space::kRowBytes;
    if constexpr (Space::kCoded) {
      std::byte* converted = buffer + turn * Space::kPlainBytes;
      turn = (turn + 1) % Space::kBuffers;
      convert_tile<kFormat, kOutputs>(weights, converted, warp);
      publish_to_instructions();
      sync_warpgroup(group);
      weights = converted;
    }
    const std::uint64_t a = operand(shared_address(weights) + (kShares > 1 ? 0 : group * 64 * kSwizzledPitch));
    const std::uint64_t b = operand(shared_address(ring.stage()));
    begin_group();
#pragma unroll
    for (int k = 0; k < Space::kInputs / 16; ++k) {
      multiply_group<T, Space::kN>(sum, a + (k / 4 * kOutputs * kSwizzledPitch / 16 + k % 4 * 2),
                                   b + (k / 4 * kRows * kSwizzledPitch / 16 + k % 4 * 2), unit - first + k > 0);
    }
    commit_group();
    wait_groups<kPending>();
#pragma unroll
    for (int i = 0; i < kShares; ++i) ring.advance();
    if (unit < first + kPending * kShares) continue;
    if (lane == 0) multiplied.release();
#pragma unroll
    for (int i = 0; i < kShares; ++i) multiplied.advance();
  }
  wait_groups<0>();
  // Both shares pass equally many barriers: compute-sanitizer's racecheck would report hazards.
  if (Space::kCoded && first > 0 && place.n_units % kShares != 0) sync_warpgroup(group);
}

template <typename T, Format kFormat, int kRows, int kOutputs>
__device__ void consume(const TileProduct& p, const TilePlace& place, const RingPlace& ring, std::byte* buffers,
                        std::byte* stages, float* bias) {
  using Space = TileSpace<kFormat, kRows, kOutputs>;
  const int group = static_cast<int>(threadIdx.x) / kWarpgroup;
  auto* sums = reinterpret_cast<float*>(stages);
  const int first_output = place.output_tile * kOutputs;
  const int first_row = place.row_tile * kRows;
  copy_bias(p, place, kOutputs, bias);
  if constexpr (Space::kShares > 1) {
    constexpr int kSecond = Space::kSums;
    HeadResults<T, kSecond> head(p, place);
    float sum[Space::kN][4] = {};  // a share may have no units
    multiply_units<T, kFormat, kRows, kOutputs>(place, ring, buffers, sum);
    sync_consumers();  // all stages have been multiplied
    spread_sums(sum, sums + group * kSecond);
    sync_consumers();
    const TileSums<kSecond> both{sums, bias};
    if (p.heads.query != nullptr) return head.store(p, both);
    store_sums<T, kRows>(p, both, first_output, first_row, place.part);
  } else {
    float sum[Space::kN][4];
    multiply_units<T, kFormat, kRows, kOutputs>(place, ring, buffers, sum);
    sync_consumers();
    sums += group * Space::kSums;
    spread_sums(sum, sums);
    sync_warpgroup(group);
    const int in_tile = group * kGroupOutputs;
    store_sums<T, kRows>(p, TileSums<0>{sums, bias + in_tile}, first_output + in_tile, first_row, place.part);
  }
}

template <typename T, Format kFormat, int kRows, int kOutputs>
__global__ void __launch_bounds__(kThreads, TileSpace<kFormat, kRows, kOutputs>::kBlocks)
    tile_product(const __grid_constant__ TileProduct p) {
  using Space = TileSpace<kFormat, kRows, kOutputs>;
  extern __shared__ std::byte shared_bytes[];
  std::byte* buffers = shared_bytes + (-shared_address(shared_bytes) & (kSwizzledAlignment - 1));
  std::byte* stages = buffers + Space::kBufferBytes;
  std::byte* barriers = stages + Space::kStages * Space::kStageBytes;
  const RingPlace ring(barriers, stages, Space::kStages, Space::kStageBytes);
  if (threadIdx.x == 0) ring.init(2, kStepWarps / Space::kShares);
  __syncthreads();
  let_successor_begin();
  const TilePlace place(p.cut, Space::kUnitStages);
  if (threadIdx.x < kConsumers) {
    consume<T, kFormat, kRows, kOutputs>(p, place, ring, buffers, stages, reinterpret_cast<float*>(barriers + kBiasAt));
  } else if (threadIdx.x == kConsumers) {
    produce<kFormat, kRows, kOutputs>(p, place, ring);
  }
}

/// Calls use(kernel, bytes of shared memory) with the kernels for cuts that `is_wanted(rows, outputs)` holds for.
template <typename T, Format kFormat, typename IsWanted, typename Use>
void with_kernels(IsWanted is_wanted, Use use) {
  const auto one = [&]<int kRows, int kOutputs>() {
    if (is_wanted(kRows, kOutputs)) {
      use(tile_product<T, kFormat, kRows, kOutputs>, TileSpace<kFormat, kRows, kOutputs>::kBytes);
    }
  };
  one.template operator()<8, kTileOutputs>();
  one.template operator()<64, kTileOutputs>();
  one.template operator()<128, kTileOutputs>();
  one.template operator()<kSharedRows, kSharedOutputs>();
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
      [](auto kernel, int bytes) {
        check(cudaFuncSetAttribute(kernel, cudaFuncAttributeMaxDynamicSharedMemorySize, bytes),
              "giving products their shared memory");
      });
}

void run_tile_product(const TileProduct& product, Format values, cudaStream_t stream) {
  with_kernels(
      values, product.shape.format,
      [&](int rows, int outputs) { return rows == product.cut.rows && outputs == product.cut.outputs; },
      [&](auto kernel, int bytes) {
        launch_kernel(product.begins_late ? Begin::kLate : Begin::kEarly, "a product", kernel,
                      dim3(static_cast<unsigned>(product.cut.items())), kThreads, static_cast<std::size_t>(bytes),
                      stream, product);
      });
}

}  // namespace inferbench::cuda_backend
