// SPDX-License-Identifier: Apache-2.0
//
// Attention by tiles where a warpgroup takes 64 queries: it multiplies them with keys in shared memory, and the
// weights, in registers, with values in shared memory.
#include <type_traits>

#include "cuda_call.hpp"
#include "group_attention.hpp"
#include "launch.cuh"
#include "step_ring.cuh"
#include "tile_softmax.cuh"
#include "value_type.hpp"
#include "warpgroup.cuh"

namespace inferbench::cuda_backend {
namespace {

constexpr int kWarpgroup = 4 * kWarp;
constexpr int kGroupQueries = 64;

/// Queries, keys and values lie as operands: [half of a head][row][64 values].
template <int kSize, int kGroups>
struct GroupSpace {
  static constexpr int kThreads = kGroups * kWarpgroup;
  static constexpr int kQueryBytes = kGroupQueries * kSize * 2;  // of a warpgroup
  static constexpr int kKeyBytes = kKeys * kSize * 2;            // of a tile; of its values, too
  static constexpr int kBytes = kGroups * kQueryBytes + 4 * kKeyBytes + kSwizzledAlignment;
};

/// Copies 64 rows of kSize values, `stride` values apart; zeros for rows from `n_there` on.
template <int kSize, int kThreads, typename T>
__device__ __forceinline__ void copy_operand(std::byte* to, const T* from, std::int64_t stride, int n_there) {
  constexpr int kPieces = kSize / 8;
#pragma unroll
  for (int i = 0; i < 64 * kPieces / kThreads; ++i) {
    const int at = static_cast<int>(threadIdx.x) % kThreads + i * kThreads;
    const int row = at / kPieces;
    const int piece = at % kPieces;
    const bool is_there = row < n_there;
    const T* source = from + (is_there ? row * stride + piece * 8 : 0);
    const int bytes = is_there ? 16 : 0;
    asm volatile("cp.async.cg.shared.global [%0], [%1], 16, %2;" ::"r"(
                     shared_address(to + piece / 8 * 64 * kSwizzledPitch + swizzled_place(row, piece % 8))),
                 "l"(source), "r"(bytes)
                 : "memory");
  }
}

template <typename T, int kSize, int kGroups>
__global__ void __launch_bounds__(GroupSpace<kSize, kGroups>::kThreads)
    attend_group(const __grid_constant__ ModelData model, KvCache cache, ExpandedCache expanded, std::int32_t window,
                 int layer_index, RowList rows, const T* query, RowsOf out) {
  using Space = GroupSpace<kSize, kGroups>;
  constexpr int kHalves = kSize / 64;
  constexpr int kHalfStep = 64 * kSwizzledPitch / 16;  // of an operand's description
  extern __shared__ std::byte shared_bytes[];
  std::byte* queries = shared_bytes + (-shared_address(shared_bytes) & (kSwizzledAlignment - 1));
  std::byte* stages = queries + kGroups * Space::kQueryBytes;
  let_successor_begin();
  const Shape& shape = model.shape;
  const QueryTile tile = rows.tiles[rows.n_tiles - 1 - static_cast<int>(blockIdx.y)];  // the longest first
  const int head = static_cast<int>(blockIdx.x);
  const int kv_head = head / (shape.n_heads / shape.n_kv_heads);
  const T* keys = static_cast<const T*>(cache.data) + cache.place(shape, tile.slot, layer_index, 0, kv_head);
  const T* values = keys + cache.half_stride(shape);
  if (tile.expanded >= 0) {
    keys = static_cast<const T*>(expanded.data) + expanded.place(shape, 0, kv_head, tile.expanded);
    values = static_cast<const T*>(expanded.data) + expanded.place(shape, 1, kv_head, tile.expanded);
  }
  const int group = static_cast<int>(threadIdx.x) / kWarpgroup;
  const int row0 = group * kGroupQueries;  // of the tile
  const int end = tile.position + tile.n_rows;
  const int first_tile = window > 0 ? max(0, tile.position + 1 - window) / kKeys : 0;
  const int n_tiles = (end + kKeys - 1) / kKeys;
  const auto stage_at = [&](int index) { return stages + index % 2 * 2 * Space::kKeyBytes; };
  const auto copy = [&](int index) {
    const std::int64_t at = static_cast<std::int64_t>(index) * kKeys * kSize;
    std::byte* to = stage_at(index);
    copy_operand<kSize, Space::kThreads>(to, keys + at, kSize, end - index * kKeys);
    copy_operand<kSize, Space::kThreads>(to + Space::kKeyBytes, values + at, kSize, end - index * kKeys);
    asm volatile("cp.async.commit_group;" ::: "memory");
  };
  wait_for_predecessors();
  copy_operand<kSize, kWarpgroup>(
      queries + group * Space::kQueryBytes,
      query +
          (static_cast<std::int64_t>(tile.first_row + (row0 < tile.n_rows ? row0 : 0)) * shape.n_heads + head) * kSize,
      static_cast<std::int64_t>(shape.n_heads) * kSize, tile.n_rows - row0);
  copy(first_tile);
  const int first_position = tile.position + row0;  // of this warpgroup
  const int warp_position = first_position + static_cast<int>(threadIdx.x) % kWarpgroup / kWarp * 16;
  const std::uint64_t a = operand(shared_address(queries + group * Space::kQueryBytes));
  TileState<kSize> state;
#pragma unroll 1
  for (int index = first_tile; index < n_tiles; ++index) {
    asm volatile("cp.async.wait_group 0;" ::: "memory");
    publish_to_instructions();
    __syncthreads();
    if (index + 1 < n_tiles) copy(index + 1);
    if (index * kKeys >= first_position + kGroupQueries) continue;  // no query of this warpgroup sees these keys
    const std::uint64_t b = operand(shared_address(stage_at(index)));
    float scores[kKeys / 8][4];
    begin_group();
#pragma unroll
    for (int k = 0; k < kSize / 16; ++k) {
      const int at = k / 4 * kHalfStep + k % 4 * 2;
      multiply_group<T, kKeys / 8>(scores, a + at, b + at, k > 0);
    }
    commit_group();
    wait_groups<0>();
    if (shape.attention_cap != 0) cap_scores(scores, shape.attention_cap);
    if ((index + 1) * kKeys > first_position + 1 ||
        (window > 0 && index * kKeys <= first_position + kGroupQueries - 1 - window)) {
      mask_scores(scores, warp_position, index * kKeys, window);
    }
    soften<kSize>(state, scores);
    std::uint32_t weights[kKeys / 16][4];
#pragma unroll
    for (int k = 0; k < kKeys / 16; ++k) {
#pragma unroll
      for (int i = 0; i < 4; ++i) {
        const float(&of)[4] = scores[2 * k + i / 2];
        weights[k][i] = pair_of<T>(of[i % 2 * 2], of[i % 2 * 2 + 1]);
      }
    }
    begin_group();
#pragma unroll
    for (int half = 0; half < kHalves; ++half) {
      float(&sums)[8][4] = *reinterpret_cast<float(*)[8][4]>(state.values[half * 8]);
#pragma unroll
      for (int k = 0; k < kKeys / 16; ++k) {
        add_weighted<T>(sums, weights[k], b + (Space::kKeyBytes / 16 + half * kHalfStep + k * kRowStep));
      }
    }
    commit_group();
    wait_groups<0>();
  }
  const int first = row0 + static_cast<int>(threadIdx.x) % kWarpgroup / kWarp * 16;
  store_values<T, kSize>(
      state, static_cast<T*>(out.data) + static_cast<std::int64_t>(tile.first_row + first) * out.stride + head * kSize,
      out.stride, tile.n_rows - first);
}

}  // namespace

void attend_groups(const ModelData& model, const KvCache& cache, const ExpandedCache& expanded,
                   const LayerWeights& layer, std::int32_t layer_index, const RowList& rows, const void* query,
                   RowsOf out, cudaStream_t stream) {
  if (rows.n_tiles == 0) return;
  const dim3 grid(static_cast<unsigned>(model.shape.n_heads), static_cast<unsigned>(rows.n_tiles));
  const auto launch = [&]<typename T, int kSize, int kGroups>() {
    using Space = GroupSpace<kSize, kGroups>;
    const auto kernel = attend_group<T, kSize, kGroups>;
    check(cudaFuncSetAttribute(kernel, cudaFuncAttributeMaxDynamicSharedMemorySize, Space::kBytes),
          "attention by tiles");
    launch_early("attention by tiles", kernel, grid, Space::kThreads, Space::kBytes, stream, model, cache, expanded,
                 layer.window, layer_index, rows, static_cast<const T*>(query), out);
  };
  const auto by_tile = [&]<typename T, int kSize>() {
    rows.tile_queries == kMostTileQueries ? launch.template operator()<T, kSize, 2>()
                                          : launch.template operator()<T, kSize, 1>();
  };
  with_value_type(model.values, [&]<typename T>() {
    if constexpr (!std::is_same_v<T, float>) {
      model.shape.head_dim == 64 ? by_tile.template operator()<T, 64>() : by_tile.template operator()<T, 128>();
    }
  });
}

}  // namespace inferbench::cuda_backend
