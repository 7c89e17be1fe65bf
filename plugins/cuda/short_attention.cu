// SPDX-License-Identifier: Apache-2.0
//
// Attention of short prompts, where a kernel's time is its latency: a block takes 16 queries of a head, and each of its
// warps other keys, so that little is done one after the other. Queries and keys go from memory to registers.
#include <type_traits>

#include "cuda_call.hpp"
#include "launch.cuh"
#include "multiply.cuh"
#include "short_attention.hpp"
#include "step_ring.cuh"
#include "tile_softmax.cuh"
#include "value_type.hpp"

namespace inferbench::cuda_backend {
namespace {

constexpr int kSize = 64;  // of a head
constexpr int kWarps = 4;
constexpr int kThreads = kWarps * kWarp;
constexpr int kWarpKeys = 32;                   // of a warp at a time
constexpr int kBlockKeys = kWarps * kWarpKeys;  // of all warps
constexpr int kValuePitch = kSize + 8;          // 16 bytes apart in the banks, for ldmatrix
constexpr int kSumPitch = kSize + 8;            // of floats
constexpr int kWarpBytes = kWarpKeys * kValuePitch * 2;
static_assert(kWarpBytes >= kFewestTileQueries * kSumPitch * 4 && kThreads == kFewestTileQueries * kSize / 8);

/// A warp's values, then what it has added up.
struct ShortSpace {
  __align__(16) std::byte warps[kWarps][kWarpBytes];
  float most[kWarps][kFewestTileQueries];
  float sum[kWarps][kFewestTileQueries];
};

/// 16 bytes of each lane; zeros from `end` on.
template <typename T>
__device__ __forceinline__ void copy_values(T* to, const T* from, int first, int end) {
  const int lane = static_cast<int>(threadIdx.x) % kWarp;
#pragma unroll
  for (int i = 0; i < kWarpKeys * kSize / 8 / kWarp; ++i) {
    const int row = i * (kWarp / 8) + lane / 8;
    const bool is_there = first + row < end;
    const T* source = from + static_cast<std::int64_t>(is_there ? first + row : 0) * kSize + lane % 8 * 8;
    const int bytes = is_there ? 16 : 0;
    asm volatile(
        "cp.async.cg.shared.global [%0], [%1], 16, %2;" ::"r"(shared_address(to + row * kValuePitch + lane % 8 * 8)),
        "l"(source), "r"(bytes)
        : "memory");
  }
  asm volatile("cp.async.commit_group;" ::: "memory");
}

/// Of rows lane / 4 and lane / 4 + 8: 8 values of each 32, from 8 (lane % 4) on; zeros from `end` on.
template <typename T, int kRows>
__device__ __forceinline__ void load_rows(uint4 (&to)[kRows / 8][kSize / 32], const T* from, std::int64_t stride,
                                          int end) {
  const int lane = static_cast<int>(threadIdx.x) % kWarp;
#pragma unroll
  for (int i = 0; i < kRows / 8; ++i) {
    const int row = i * 8 + lane / 4;
    const T* mine = from + row * stride + lane % 4 * 8;
#pragma unroll
    for (int k = 0; k < kSize / 32; ++k) {
      to[i][k] = row < end ? __ldcg(reinterpret_cast<const uint4*>(mine + k * 32)) : uint4{};
    }
  }
}

template <typename T>
__device__ __forceinline__ void multiply_keys(float (&scores)[kWarpKeys / 8][4], const uint4 (&q)[2][kSize / 32],
                                              const uint4 (&keys)[kWarpKeys / 8][kSize / 32]) {
#pragma unroll
  for (int k = 0; k < kSize / 32; ++k) {
#pragma unroll
    for (int n = 0; n < kWarpKeys / 8; ++n) {
      multiply<T>(scores[n], q[0][k].x, q[1][k].x, q[0][k].y, q[1][k].y, keys[n][k].x, keys[n][k].y);
      multiply<T>(scores[n], q[0][k].z, q[1][k].z, q[0][k].w, q[1][k].w, keys[n][k].z, keys[n][k].w);
    }
  }
}

template <typename T>
__device__ __forceinline__ void add_values(TileState<kSize>& state, const float (&weights)[kWarpKeys / 8][4],
                                           const T* values) {
  const int lane = static_cast<int>(threadIdx.x) % kWarp;
#pragma unroll
  for (int k = 0; k < kWarpKeys / 16; ++k) {
    std::uint32_t a[4];
#pragma unroll
    for (int i = 0; i < 4; ++i) {
      const float(&of)[4] = weights[2 * k + i / 2];
      a[i] = pair_of<T>(of[i % 2 * 2], of[i % 2 * 2 + 1]);
    }
#pragma unroll
    for (int d = 0; d < kSize / 16; ++d) {
      std::uint32_t b[4];
      load_transposed(b, values + (k * 16 + lane % 16) * kValuePitch + d * 16 + lane / 16 * 8);
      multiply<T>(state.values[2 * d], a[0], a[1], a[2], a[3], b[0], b[1]);
      multiply<T>(state.values[2 * d + 1], a[0], a[1], a[2], a[3], b[2], b[3]);
    }
  }
}

/// What this warp has added up, for the others.
__device__ __forceinline__ void hand_on(const TileState<kSize>& state, ShortSpace& space, int warp) {
  const int lane = static_cast<int>(threadIdx.x) % kWarp;
  auto* sums = reinterpret_cast<float*>(space.warps[warp]);
#pragma unroll
  for (int half = 0; half < 2; ++half) {
    const int row = half * 8 + lane / 4;
    float sum = state.sum[half];
    sum += __shfl_xor_sync(kAllLanes, sum, 1);
    sum += __shfl_xor_sync(kAllLanes, sum, 2);
    if (lane % 4 == 0) {
      space.most[warp][row] = state.most[half];
      space.sum[warp][row] = sum;
    }
#pragma unroll
    for (int d = 0; d < kSize / 8; ++d) {
      *reinterpret_cast<float2*>(sums + row * kSumPitch + d * 8 + lane % 4 * 2) =
          make_float2(state.values[d][half * 2], state.values[d][half * 2 + 1]);
    }
  }
}

/// 8 values of a query. `row`: of the tile.
__device__ __forceinline__ void merge(const ShortSpace& space, int row, int at, float (&values)[8]) {
  float most = space.most[0][row];
#pragma unroll
  for (int w = 1; w < kWarps; ++w) most = fmaxf(most, space.most[w][row]);
  float sum = 0;
#pragma unroll
  for (int w = 0; w < kWarps; ++w) {
    const float factor = power_of_2((space.most[w][row] - most) * 1.4426950408889634F);
    sum = fmaf(factor, space.sum[w][row], sum);
    const float* of = reinterpret_cast<const float*>(space.warps[w]) + row * kSumPitch + at;
#pragma unroll
    for (int i = 0; i < 8; ++i) values[i] = fmaf(factor, of[i], w == 0 ? 0.0F : values[i]);
  }
  const float scale = 1 / sum;
#pragma unroll
  for (float& value : values) value *= scale;
}

template <typename T>
__global__ void __launch_bounds__(kThreads)
    attend_few(const __grid_constant__ ModelData model, KvCache cache, std::int32_t window, int layer_index,
               RowList rows, const T* query, RowsOf out) {
  __shared__ ShortSpace space;
  let_successor_begin();
  const Shape& shape = model.shape;
  const QueryTile tile = rows.tiles[rows.n_tiles - 1 - static_cast<int>(blockIdx.y)];
  const int head = static_cast<int>(blockIdx.x);
  const int kv_head = head / (shape.n_heads / shape.n_kv_heads);
  const T* keys = static_cast<const T*>(cache.data) + cache.place(shape, tile.slot, layer_index, 0, kv_head);
  const T* values = keys + cache.half_stride(shape);
  const int warp = static_cast<int>(threadIdx.x) / kWarp;
  auto* mine = reinterpret_cast<T*>(space.warps[warp]);
  const int end = tile.position + tile.n_rows;
  const int begin = (window > 0 ? max(0, tile.position + 1 - window) / kBlockKeys * kBlockKeys : 0) + warp * kWarpKeys;
  wait_for_predecessors();
  uint4 q[2][kSize / 32];
  load_rows<T, kFewestTileQueries>(q,
                                   query + (static_cast<std::int64_t>(tile.first_row) * shape.n_heads + head) * kSize,
                                   static_cast<std::int64_t>(shape.n_heads) * kSize, tile.n_rows);
  TileState<kSize> state;
#pragma unroll 1
  for (int first = begin; first < end; first += kBlockKeys) {
    copy_values(mine, values, first, end);
    uint4 of_keys[kWarpKeys / 8][kSize / 32];
    load_rows<T, kWarpKeys>(of_keys, keys + static_cast<std::int64_t>(first) * kSize, kSize, end - first);
    float scores[kWarpKeys / 8][4] = {};
    multiply_keys<T>(scores, q, of_keys);
    if (shape.attention_cap != 0) cap_scores(scores, shape.attention_cap);
    mask_scores(scores, tile.position, first, window);
    soften<kSize>(state, scores);
    asm volatile("cp.async.wait_group 0;" ::: "memory");
    __syncwarp();
    add_values(state, scores, mine);
    __syncwarp();
  }
  hand_on(state, space, warp);
  __syncthreads();
  const int row = static_cast<int>(threadIdx.x) / (kSize / 8);
  const int at = static_cast<int>(threadIdx.x) % (kSize / 8) * 8;
  if (row >= tile.n_rows) return;
  float merged[8];
  merge(space, row, at, merged);
  store8(static_cast<T*>(out.data) + static_cast<std::int64_t>(tile.first_row + row) * out.stride + head * kSize + at,
         merged);
}

}  // namespace

bool has_short_attention(const ModelData& model) {
  return model.values != Format::kF32 && model.shape.head_dim == kSize;
}

void attend_short(const ModelData& model, const KvCache& cache, const LayerWeights& layer, std::int32_t layer_index,
                  const RowList& rows, const void* query, RowsOf out, cudaStream_t stream) {
  if (rows.n_tiles == 0) return;
  const dim3 grid(static_cast<unsigned>(model.shape.n_heads), static_cast<unsigned>(rows.n_tiles));
  with_value_type(model.values, [&]<typename T>() {
    if constexpr (!std::is_same_v<T, float>) {
      launch_early("attention of a short prompt", attend_few<T>, grid, kThreads, 0, stream, model, cache, layer.window,
                   layer_index, rows, static_cast<const T*>(query), out);
    }
  });
}

}  // namespace inferbench::cuda_backend
