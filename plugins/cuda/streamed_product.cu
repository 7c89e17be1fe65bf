// SPDX-License-Identifier: Apache-2.0
//
// One block per multiprocessor: a producer thread copies boxes of weights and of activations through a ring of stages,
// eight warps multiply with mma.m16n8k16. The first weights are on their way before the kernels in front have ended.
#include <algorithm>

#include "cuda_call.hpp"
#include "launch.cuh"
#include "multiply.cuh"
#include "step_ring.cuh"
#include "streamed_product.hpp"
#include "tensor_map.hpp"

namespace inferbench::cuda_backend {
namespace {

constexpr int kPitch = kBoxInputs * 2;   // bytes of a row of a box
constexpr int kSharedBytes = 176 << 10;  // so that blocks of attention and norms have room too
constexpr int kBarrierBytes = 1024;
constexpr int kAlignment = 1024;  // of boxes, for their swizzle
constexpr int kStreamThreads = kStepThreads;
constexpr int kTiles = kStreamedRows / 16;  // of 8 rows of activations, that a warp takes; two share the rows

/// A warp multiplies 32 rows of weights by kTiles times 8 rows of activations. Two warps share the weights' rows; where
/// there are fewer rows than for all warps, groups of warps take their inputs in turn.
template <int kRows>
struct StreamSpace {
  static constexpr int kActivations = 2 * kTiles * 8;
  static constexpr int kGroups = kStepWarps / (2 * kRows / 32);
  static constexpr int kGroupThreads = kStepWarps * kWarp / kGroups;
  static constexpr int kWeightBytes = kRows * kPitch;
  static constexpr int kStageBytes = kWeightBytes + kActivations * kPitch;
  static constexpr int kReduceBytes = (kGroups - 1) * kGroupThreads * 2 * kTiles * 16;
  static constexpr int kStages = (kSharedBytes - kBarrierBytes - kAlignment - kReduceBytes) / kStageBytes;
  static constexpr int kBytes = kStages * kStageBytes + kReduceBytes + kBarrierBytes + kAlignment;
};

#if !defined(__CUDA_ARCH__) || __CUDA_ARCH__ >= 900

constexpr int kUnitSteps = kBoxInputs / 16;  // mma instructions along a unit's inputs

__device__ __forceinline__ void copy_box(std::byte* to, const CUtensorMap& map, int input, int row,
                                         std::uint32_t barrier) {
  asm volatile(
      "cp.async.bulk.tensor.2d.shared::cluster.global.tile.mbarrier::complete_tx::bytes [%0], [%1, {%2, %3}], [%4];" ::
          "r"(shared_address(to)),
      "l"(&map), "r"(input), "r"(row), "r"(barrier)
      : "memory");
}

__device__ __forceinline__ void load_fragments(std::uint32_t (&to)[4], std::uint32_t address) {
  asm volatile("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0,%1,%2,%3}, [%4];"
               : "=r"(to[0]), "=r"(to[1]), "=r"(to[2]), "=r"(to[3])
               : "r"(address)
               : "memory");
}

/// A block's items and their units, one after the other.
struct StreamPlace {
  const ProductCut& cut;
  int item;
  int tile = 0;
  int part = 0;
  int unit = 0;
  int end = 0;

  __device__ explicit StreamPlace(const ProductCut& of) : cut(of), item(static_cast<int>(blockIdx.x)) { begin(); }
  __device__ bool has_item() const { return item < cut.tiles * cut.parts; }
  __device__ void begin() {
    part = item / cut.tiles;
    tile = item - part * cut.tiles;
    unit = part * cut.part_units;
    end = min(unit + cut.part_units, cut.units);
  }
  __device__ void next_item() {
    item += static_cast<int>(gridDim.x);
    begin();
  }
  __device__ void next_unit() {
    if (++unit == end) next_item();
  }
};

template <int kRows>
__device__ void produce(const StreamedProduct& p, RingPlace ring) {
  using Space = StreamSpace<kRows>;
  const auto copy_weights = [&](const RingPlace& at, const StreamPlace& place) {
    at.expect(Space::kWeightBytes);
    copy_box(at.stage(), p.w, place.unit * kBoxInputs, place.tile * kRows, at.full());
  };
  const auto copy_activations = [&](const RingPlace& at, const StreamPlace& place) {
    at.expect(Space::kActivations * kPitch);
    copy_box(at.stage() + Space::kWeightBytes, p.x, place.unit * kBoxInputs, p.first_row, at.full());
  };
  StreamPlace place(p.cut);
  StreamPlace first = place;
  RingPlace first_ring = ring;
  int n_ahead = 0;
  for (; n_ahead < Space::kStages && place.has_item(); ++n_ahead, place.next_unit(), ring.advance()) {
    copy_weights(ring, place);
  }
  wait_for_predecessors();
  for (int i = 0; i < n_ahead; ++i, first.next_unit(), first_ring.advance()) copy_activations(first_ring, first);
  for (; place.has_item(); place.next_unit(), ring.advance()) {
    ring.wait_empty();
    copy_weights(ring, place);
    copy_activations(ring, place);
  }
}

/// What a warp needs for 16 inputs, in registers. Boxes are swizzled: the 16-byte piece i of row r is at piece i ^ r
/// % 8.
struct Fragments {
  std::uint32_t w[2][4];
  std::uint32_t x[kTiles / 2][4];

  /// `w_rows`, `x_rows`: addresses of this lane's rows in shared memory.
  __device__ __forceinline__ void load(std::uint32_t w_rows, std::uint32_t x_rows, int step) {
    const int lane = static_cast<int>(threadIdx.x) % kWarp;
    const std::uint32_t w_piece = static_cast<std::uint32_t>(((step * 2 + lane / 16) ^ (lane % 8)) * 16);
    const std::uint32_t x_piece = static_cast<std::uint32_t>(((step * 2 + lane / 8 % 2) ^ (lane % 8)) * 16);
#pragma unroll
    for (int m = 0; m < 2; ++m) load_fragments(w[m], w_rows + m * 16 * kPitch + w_piece);
#pragma unroll
    for (int n = 0; n < kTiles / 2; ++n) load_fragments(x[n], x_rows + n * 16 * kPitch + x_piece);
  }
  template <typename T>
  __device__ __forceinline__ void multiply_into(float (&sum)[2][kTiles][4]) const {
#pragma unroll
    for (int n = 0; n < kTiles; ++n) {
#pragma unroll
      for (int m = 0; m < 2; ++m) {
        multiply<T>(sum[m][n], w[m][0], w[m][1], w[m][2], w[m][3], x[n / 2][n % 2 * 2], x[n / 2][n % 2 * 2 + 1]);
      }
    }
  }
};

/// A warp's sums over the units of an item. The next fragments are fetched before the present ones are multiplied.
template <typename T, int kRows>
__device__ __forceinline__ void multiply_units(RingPlace& ring, int n_units, int row0, int n0, int group,
                                               float (&sum)[2][kTiles][4]) {
  using Space = StreamSpace<kRows>;
  constexpr int kSteps = kUnitSteps / Space::kGroups;
  const int lane = static_cast<int>(threadIdx.x) % kWarp;
  const std::uint32_t w_offset = (row0 + lane % 16) * kPitch;
  const std::uint32_t x_offset = Space::kWeightBytes + (n0 + lane / 16 * 8 + lane % 8) * kPitch;
  Fragments fragments[2];
  const auto load = [&](Fragments& to, int step) {
    const std::uint32_t stage = shared_address(ring.stage());
    to.load(stage + w_offset, stage + x_offset, group + step * Space::kGroups);
  };
  ring.wait_full();
  load(fragments[0], 0);
#pragma unroll 1
  for (int unit = 0; unit < n_units; unit += kSteps % 2 == 0 ? 1 : 2) {
#pragma unroll
    for (int i = 0; i < (kSteps % 2 == 0 ? kSteps : 2 * kSteps); ++i) {
      const int in_item = unit + i / kSteps;
      if (kSteps % 2 != 0 && in_item >= n_units) break;
      if (i % kSteps + 1 < kSteps) {
        load(fragments[(i + 1) % 2], i % kSteps + 1);
      } else {
        __syncwarp();
        if (lane == 0) ring.release();
        ring.advance();
        if (in_item + 1 < n_units) {
          ring.wait_full();
          load(fragments[(i + 1) % 2], 0);
        }
      }
      fragments[i % 2].template multiply_into<T>(sum);
    }
  }
}

/// Adds the other groups' sums to those of group 0.
template <int kRows>
__device__ __forceinline__ void add_groups(float (&sum)[2][kTiles][4], float4* reduce, int group) {
  using Space = StreamSpace<kRows>;
  const int thread = static_cast<int>(threadIdx.x) % Space::kGroupThreads;
  if (group != 0) {
#pragma unroll
    for (int i = 0; i < 2 * kTiles; ++i) {
      const float(&four)[4] = sum[i / kTiles][i % kTiles];
      reduce[((group - 1) * 2 * kTiles + i) * Space::kGroupThreads + thread] =
          make_float4(four[0], four[1], four[2], four[3]);
    }
  }
  sync_consumers();
  if (group == 0) {
#pragma unroll
    for (int i = 0; i < 2 * kTiles; ++i) {
      float(&four)[4] = sum[i / kTiles][i % kTiles];
#pragma unroll
      for (int g = 0; g < Space::kGroups - 1; ++g) {
        const float4 more = reduce[(g * 2 * kTiles + i) * Space::kGroupThreads + thread];
        four[0] += more.x, four[1] += more.y, four[2] += more.z, four[3] += more.w;
      }
    }
  }
  sync_consumers();
}

__device__ __forceinline__ float bias_at(const StreamedProduct& p, int row) {
  return p.bias != nullptr && row < p.outputs ? p.bias[row] : 0.0F;
}

/// Where a lane's sums belong: sum[m][t][i] is of weight row `row` + 16 m + 8 (i / 2) and activation row `n` + 8 t +
/// i % 2.
struct FragmentPlace {
  int row;
  int n;
  int part;
};

__device__ __forceinline__ void store_part(const StreamedProduct& p, const float (&sum)[2][kTiles][4],
                                           FragmentPlace at) {
  float* y = static_cast<float*>(p.y) + at.part * p.part_stride;
#pragma unroll
  for (int m = 0; m < 2; ++m) {
#pragma unroll
    for (int half = 0; half < 2; ++half) {
      const int row = at.row + m * 16 + half * 8;
      if (row >= p.outputs) continue;
      const float bias = at.part == 0 ? bias_at(p, row) : 0.0F;
#pragma unroll
      for (int i = 0; i < 2 * kTiles; ++i) {
        const int n = at.n + i / 2 * 8 + i % 2;
        if (n < p.rows) y[static_cast<std::int64_t>(n) * p.y_stride + row] = sum[m][i / 2][half * 2 + i % 2] + bias;
      }
    }
  }
}

template <typename T>
__device__ __forceinline__ void store_activated(const StreamedProduct& p, const float (&sum)[2][kTiles][4],
                                                FragmentPlace at) {
  T* y = static_cast<T*>(p.y);
  const bool gated = p.shape.gated != 0;
#pragma unroll
  for (int m = 0; m < 2; ++m) {
    const int row = at.row + m * 16;
    if (row >= p.outputs) continue;
    const float bias[2] = {bias_at(p, row), bias_at(p, row + 8)};
    // Of 16 rows of a gated product, the first 8 are gates of the others.
    const int to = gated ? row / 16 * 8 + row % 16 : row;
#pragma unroll
    for (int i = 0; i < 2 * kTiles; ++i) {
      const int n = at.n + i / 2 * 8 + i % 2;
      const float low = activated(p.shape.activation, sum[m][i / 2][i % 2] + bias[0]);
      const float high = sum[m][i / 2][2 + i % 2] + bias[1];
      if (n >= p.rows) continue;
      T* into = y + static_cast<std::int64_t>(n) * p.y_stride + to;
      if (gated) {
        if (to < p.shape.intermediate) *into = as_value<T>(low * high);
      } else {
        *into = as_value<T>(low);
        if (row + 8 < p.outputs) into[8] = as_value<T>(activated(p.shape.activation, high));
      }
    }
  }
}

__device__ __forceinline__ void take_logits(const StreamedProduct& p, const float (&sum)[2][kTiles][4],
                                            FragmentPlace at, unsigned long long (&best)[2 * kTiles]) {
#pragma unroll
  for (int m = 0; m < 2; ++m) {
#pragma unroll
    for (int half = 0; half < 2; ++half) {
      const int row = at.row + m * 16 + half * 8;
      if (row >= p.outputs) continue;
#pragma unroll
      for (int i = 0; i < 2 * kTiles; ++i) {
        const int n = at.n + i / 2 * 8 + i % 2;
        const float value = soft_cap(sum[m][i / 2][half * 2 + i % 2], p.shape.logit_cap);
        best[i] = max(best[i], argmax_key(value, static_cast<std::uint32_t>(row)));
        if (p.y != nullptr && n < p.rows) {
          static_cast<float*>(p.y)[static_cast<std::int64_t>(n) * p.y_stride + row] = value;
        }
      }
    }
  }
}

/// The argmax over all blocks; the last one hands the ids to the host.
__device__ __forceinline__ void finish_ids(const StreamedProduct& p, int first_n,
                                           unsigned long long (&best)[2 * kTiles]) {
#pragma unroll
  for (int i = 0; i < 2 * kTiles; ++i) {
#pragma unroll
    for (int offset = 4; offset < kWarp; offset *= 2)
      best[i] = max(best[i], __shfl_xor_sync(kAllLanes, best[i], offset));
    const int n = first_n + i / 2 * 8 + i % 2;
    if (threadIdx.x % kWarp < 4 && n < p.rows) atomicMax(p.best + n, best[i]);
  }
  __threadfence();
  sync_consumers();
  if (threadIdx.x != 0 || atomicAdd(p.finished, 1U) != gridDim.x - 1) return;
  __threadfence();
  for (int n = 0; n < p.rows; ++n) {
    const std::int32_t id = argmax_index(atomicExch(p.best + n, 0ULL));
    if (p.ids != nullptr) p.ids[n] = id;
  }
  *p.finished = 0;
}

template <typename T, int kRows, bool kHead>
__device__ void consume(const StreamedProduct& p, RingPlace ring, float4* reduce) {
  using Space = StreamSpace<kRows>;
  const int warp = static_cast<int>(threadIdx.x) / kWarp;
  const int lane = static_cast<int>(threadIdx.x) % kWarp;
  const int group = warp * kWarp / Space::kGroupThreads;
  const int row0 = warp / 2 % (kRows / 32) * 32;
  const int n0 = warp % 2 * kTiles * 8;
  [[maybe_unused]] unsigned long long best[kHead ? 2 * kTiles : 1] = {};
  for (StreamPlace place(p.cut); place.has_item(); place.next_item()) {
    float sum[2][kTiles][4] = {};
    multiply_units<T, kRows>(ring, place.end - place.unit, row0, n0, group, sum);
    if constexpr (Space::kGroups > 1) add_groups<kRows>(sum, reduce, group);
    if (group != 0) continue;
    const FragmentPlace at{place.tile * kRows + row0 + lane / 4, n0 + lane % 4 * 2, place.part};
    if constexpr (kHead) {
      take_logits(p, sum, at, best);
    } else if (p.result == ProductResult::kParts) {
      store_part(p, sum, at);
    } else {
      store_activated<T>(p, sum, at);
    }
  }
  if constexpr (kHead) finish_ids(p, n0 + lane % 4 * 2, best);
}

#endif

template <typename T, int kRows, bool kHead>
__global__ void __launch_bounds__(kStreamThreads, 1) streamed_product(const __grid_constant__ StreamedProduct p) {
#if !defined(__CUDA_ARCH__) || __CUDA_ARCH__ >= 900
  using Space = StreamSpace<kRows>;
  static_assert(Space::kStages >= 2);
  extern __shared__ std::byte shared_bytes[];
  std::byte* stages = shared_bytes + (-shared_address(shared_bytes) & (kAlignment - 1));
  std::byte* reduce = stages + Space::kStages * Space::kStageBytes;
  const RingPlace ring(reduce + Space::kReduceBytes, stages, Space::kStages, Space::kStageBytes);
  if (threadIdx.x == 0) ring.init(2);
  __syncthreads();
  let_successor_begin();
  if (threadIdx.x / kWarp < kStepWarps) {
    consume<T, kRows, kHead>(p, ring, reinterpret_cast<float4*>(reduce));
  } else if (threadIdx.x % kWarp == 0) {
    produce<kRows>(p, ring);
  }
#endif
}

/// Calls use(kernel, bytes of shared memory) with all kernels that `is_wanted(rows of tiles, is head)` holds for.
template <typename T, typename IsWanted, typename Use>
void with_kernels(IsWanted is_wanted, Use use) {
  const auto one = [&]<int kRows, bool kHead>() {
    if (is_wanted(kRows, kHead)) use(streamed_product<T, kRows, kHead>, StreamSpace<kRows>::kBytes);
  };
  one.template operator()<32, false>();
  one.template operator()<64, false>();
  one.template operator()<128, false>();
  one.template operator()<128, true>();
}

template <typename IsWanted, typename Use>
void with_kernels(Format values, IsWanted is_wanted, Use use) {
  if (values == Format::kF16) {
    with_kernels<__half>(is_wanted, use);
  } else {
    with_kernels<__nv_bfloat16>(is_wanted, use);
  }
}

}  // namespace

void prepare_streamed_products(Format values) {
  with_kernels(
      values, [](int, bool) { return true; },
      [](auto kernel, int bytes) {
        check(cudaFuncSetAttribute(kernel, cudaFuncAttributeMaxDynamicSharedMemorySize, bytes),
              "giving products their shared memory");
      });
}

void run_streamed_product(const StreamedProduct& product, Format values, std::int32_t n_blocks, cudaStream_t stream) {
  const bool is_head = product.result == ProductResult::kLogits;
  const std::int32_t items = product.cut.tiles * product.cut.parts;
  with_kernels(
      values, [&](int rows, bool head) { return rows == product.cut.tile_rows && head == is_head; },
      [&](auto kernel, int bytes) {
        launch_early("a product", kernel, dim3(static_cast<unsigned>(std::min(items, n_blocks))), kStreamThreads,
                     static_cast<std::size_t>(bytes), stream, product);
      });
}

}  // namespace inferbench::cuda_backend
