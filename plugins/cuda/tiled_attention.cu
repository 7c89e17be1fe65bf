// SPDX-License-Identifier: Apache-2.0
//
// Attention of many tokens of a sequence, by tiles of 64 or 128 queries and 64 keys on tensor cores, with a running
// softmax: Dao et al., "FlashAttention", 2022.
#include <type_traits>

#include "cache_codes.cuh"
#include "cuda_call.hpp"
#include "kernel_math.cuh"
#include "launch.cuh"
#include "multiply.cuh"
#include "rows.hpp"
#include "step_ring.cuh"
#include "tile_softmax.cuh"
#include "value_type.hpp"

namespace inferbench::cuda_backend {
namespace {

constexpr int kTileThreads = 128;  // 4 warps of 16 queries
constexpr int kExpandThreads = 256;

template <int kSize>
struct TileSpace {
  static constexpr int kKeyPitch = kSize + kRowPad;  // rows 64 bytes apart in the banks, for 16-byte reads
  static constexpr int kValuePitch = kSize + 8;      // 16 bytes apart, for ldmatrix
  static constexpr int kKeyValues = kKeys * kKeyPitch;
  static constexpr int kBytes = 2 * (kKeyValues + kKeys * kValuePitch) * 2;
};

__device__ __forceinline__ void copy16(void* to, const void* from, bool is_there) {
  const int bytes = is_there ? 16 : 0;
  asm volatile("cp.async.cg.shared.global [%0], [%1], 16, %2;" ::"r"(shared_address(to)), "l"(from), "r"(bytes)
               : "memory");
}

/// 8 values, from 8 codes of `from`; zeros unless they are there.
template <typename T>
__device__ __forceinline__ void copy_codes(T* to, const std::int8_t* from, const float* scale, bool is_there) {
  float values[8] = {};
  if (is_there) {
    const uint2 bits = __ldcg(reinterpret_cast<const uint2*>(from));
    const float factor = __ldcg(scale);
    unpack_codes(bits, values);
#pragma unroll
    for (float& value : values) value *= factor;
  }
  *reinterpret_cast<uint4*>(to) = make_uint4(pair_of<T>(values[0], values[1]), pair_of<T>(values[2], values[3]),
                                             pair_of<T>(values[4], values[5]), pair_of<T>(values[6], values[7]));
}

/// The keys and values that a block reads: plain ones, or codes with their scales.
template <typename T, typename Cached>
struct KeySource {
  const T* keys;  // null: there are only codes
  const T* values;
  const Cached* key_codes;
  const Cached* value_codes;
  const float* key_scales;
  const float* value_scales;

  __device__ KeySource(const Shape& shape, const KvCache& cache, const ExpandedCache& expanded, const QueryTile& tile,
                       int layer_index, int kv_head)
      : keys(nullptr), values(nullptr), key_scales(nullptr), value_scales(nullptr) {
    key_codes = static_cast<const Cached*>(cache.data) + cache.place(shape, tile.slot, layer_index, 0, kv_head);
    value_codes = key_codes + cache.half_stride(shape);
    if constexpr (!kIsCode<Cached>) {
      keys = key_codes;
      values = value_codes;
    } else {
      key_scales = cache.scales + cache.scale_place(shape, tile.slot, layer_index, 0, kv_head);
      value_scales = key_scales + cache.scales_half_stride(shape);
      if (tile.expanded < 0) return;
      keys = static_cast<const T*>(expanded.data) + expanded.place(shape, 0, kv_head, tile.expanded);
      values = static_cast<const T*>(expanded.data) + expanded.place(shape, 1, kv_head, tile.expanded);
    }
  }
};

/// Copies kKeys keys from `first` on, and their values; zeros from `end` on.
template <typename T, typename Cached, int kSize>
__device__ __forceinline__ void copy_keys(const KeySource<T, Cached>& from, T* keys, T* values, int first, int end) {
  using Space = TileSpace<kSize>;
#pragma unroll
  for (int i = static_cast<int>(threadIdx.x); i < kKeys * kSize / 8; i += kTileThreads) {
    const int row = i / (kSize / 8);
    const int column = i % (kSize / 8) * 8;
    const bool is_there = first + row < end;
    const int position = is_there ? first + row : 0;
    const std::int64_t at = static_cast<std::int64_t>(position) * kSize + column;
    T* to_key = keys + row * Space::kKeyPitch + column;
    T* to_value = values + row * Space::kValuePitch + column;
    if constexpr (kIsCode<Cached>) {
      if (from.keys == nullptr) {
        copy_codes(to_key, from.key_codes + at, from.key_scales + position, is_there);
        copy_codes(to_value, from.value_codes + at, from.value_scales + position, is_there);
        continue;
      }
    }
    copy16(to_key, from.keys + at, is_there);
    copy16(to_value, from.values + at, is_there);
  }
  asm volatile("cp.async.commit_group;" ::: "memory");
}

/// Each of 4 warps takes kM times 16 queries.
template <typename T, typename Cached, int kSize, int kM>
__global__ void __launch_bounds__(kTileThreads)
    attend_tile(const __grid_constant__ ModelData model, KvCache cache, ExpandedCache expanded, std::int32_t window,
                int layer_index, RowList rows, const T* query, RowsOf out) {
  extern __shared__ __align__(16) unsigned char shared_bytes[];
  let_successor_begin();
  using Space = TileSpace<kSize>;
  T* keys = reinterpret_cast<T*>(shared_bytes);
  T* values = keys + 2 * Space::kKeyValues;
  const Shape& shape = model.shape;
  const QueryTile tile = rows.tiles[rows.n_tiles - 1 - static_cast<int>(blockIdx.y)];  // the longest first
  const int head = static_cast<int>(blockIdx.x);
  const int warp = static_cast<int>(threadIdx.x) / kWarp;
  const int lane = static_cast<int>(threadIdx.x) % kWarp;
  const int r = lane / 4;
  const int c = lane % 4;
  const KeySource<T, Cached> source(shape, cache, expanded, tile, layer_index,
                                    head / (shape.n_heads / shape.n_kv_heads));
  const int end = tile.position + tile.n_rows;
  const int first_seen = window > 0 ? max(0, tile.position + 1 - window) : 0;
  const int first_tile = first_seen / kKeys;
  const int n_tiles = (end + kKeys - 1) / kKeys;
  const auto copy = [&](int index) {
    copy_keys<T, Cached, kSize>(source, keys + index % 2 * Space::kKeyValues,
                                values + index % 2 * kKeys * Space::kValuePitch, index * kKeys, end);
  };
  wait_for_predecessors();
  copy(first_tile);
  const int row0 = warp * 16 * kM;  // of the tile
  uint4 q[kM][kSize / 32][2];
#pragma unroll
  for (int i = 0; i < 2 * kM; ++i) {
    const int in_tile = row0 + i * 8 + r;
    const bool is_there = in_tile < tile.n_rows;
    const std::int64_t row = tile.first_row + (is_there ? in_tile : 0);
    const T* from = query + (row * shape.n_heads + head) * kSize + c * 8;
#pragma unroll
    for (int k = 0; k < kSize / 32; ++k) {
      q[i / 2][k][i % 2] = is_there ? __ldcg(reinterpret_cast<const uint4*>(from + k * 32)) : uint4{};
    }
  }
  const int first_position = tile.position + row0;  // of this warp
  TileState<kSize> state[kM];
#pragma unroll 1
  for (int index = first_tile; index < n_tiles; ++index) {
    if (index + 1 < n_tiles) {
      copy(index + 1);
      asm volatile("cp.async.wait_group 1;" ::: "memory");
    } else {
      asm volatile("cp.async.wait_group 0;" ::: "memory");
    }
    __syncthreads();
    const T* tile_keys = keys + index % 2 * Space::kKeyValues;
    const T* tile_values = values + index % 2 * kKeys * Space::kValuePitch;
    if (index * kKeys < first_position + 16 * kM) {  // else no query of this warp sees them
      float scores[kM][kKeys / 8][4] = {};
#pragma unroll
      for (int n = 0; n < kKeys / 8; ++n) {
#pragma unroll
        for (int k = 0; k < kSize / 32; ++k) {
          const uint4 b = *reinterpret_cast<const uint4*>(tile_keys + (n * 8 + r) * Space::kKeyPitch + k * 32 + c * 8);
#pragma unroll
          for (int m = 0; m < kM; ++m) {
            const uint4(&of)[2] = q[m][k];
            multiply<T>(scores[m][n], of[0].x, of[1].x, of[0].y, of[1].y, b.x, b.y);
            multiply<T>(scores[m][n], of[0].z, of[1].z, of[0].w, of[1].w, b.z, b.w);
          }
        }
      }
      const bool is_inner = (index + 1) * kKeys <= first_position + 1 &&
                            (window <= 0 || index * kKeys > first_position + 16 * kM - 1 - window);
#pragma unroll
      for (int m = 0; m < kM; ++m) {
        if (shape.attention_cap != 0) cap_scores(scores[m], shape.attention_cap);
        if (!is_inner) mask_scores(scores[m], first_position + m * 16, index * kKeys, window);
        soften<kSize>(state[m], scores[m]);
      }
#pragma unroll
      for (int k = 0; k < kKeys / 16; ++k) {
        std::uint32_t a[kM][4];
#pragma unroll
        for (int m = 0; m < kM; ++m) {
#pragma unroll
          for (int i = 0; i < 4; ++i) {
            const float(&of)[4] = scores[m][2 * k + i / 2];
            a[m][i] = pair_of<T>(of[i % 2 * 2], of[i % 2 * 2 + 1]);
          }
        }
#pragma unroll
        for (int d = 0; d < kSize / 16; ++d) {
          std::uint32_t b[4];
          load_transposed(b, tile_values + (k * 16 + lane % 16) * Space::kValuePitch + d * 16 + lane / 16 * 8);
#pragma unroll
          for (int m = 0; m < kM; ++m) {
            multiply<T>(state[m].values[2 * d], a[m][0], a[m][1], a[m][2], a[m][3], b[0], b[1]);
            multiply<T>(state[m].values[2 * d + 1], a[m][0], a[m][1], a[m][2], a[m][3], b[2], b[3]);
          }
        }
      }
    }
    __syncthreads();
  }
#pragma unroll
  for (int m = 0; m < kM; ++m) {
    const int first = row0 + m * 16;
    store_values<T, kSize>(
        state[m],
        static_cast<T*>(out.data) + static_cast<std::int64_t>(tile.first_row + first) * out.stride + head * kSize,
        out.stride, tile.n_rows - first);
  }
}

// Block x of a head of a context: every gridDim.x-th group of positions. A thread takes 8 values at a time.
template <typename T>
__global__ void __launch_bounds__(kExpandThreads)
    expand_contexts(const __grid_constant__ ModelData model, KvCache cache, ExpandedCache expanded, std::int32_t window,
                    int layer_index, RowList rows) {
  let_successor_begin();
  const Shape& shape = model.shape;
  const CodedContext context = rows.contexts[blockIdx.z];
  const int part = static_cast<int>(blockIdx.y) % 2;
  const int kv_head = static_cast<int>(blockIdx.y) / 2;
  const auto* codes =
      static_cast<const std::int8_t*>(cache.data) + cache.place(shape, context.slot, layer_index, part, kv_head);
  const float* scales = cache.scales + cache.scale_place(shape, context.slot, layer_index, part, kv_head);
  T* to = static_cast<T*>(expanded.data) + expanded.place(shape, part, kv_head, context.expanded);
  const int per_position = shape.head_stride / 8;
  // Attention reads from there, rounded down to whole tiles of keys.
  const int first = window > 0 ? max(0, context.first_query + 1 - window) / kKeys * kKeys : 0;
  wait_for_predecessors();
  for (int i = first * per_position + static_cast<int>(blockIdx.x * kExpandThreads + threadIdx.x);
       i < context.n_positions * per_position; i += static_cast<int>(gridDim.x) * kExpandThreads) {
    copy_codes(to + std::int64_t{i} * 8, codes + std::int64_t{i} * 8, scales + i / per_position, true);
  }
}

}  // namespace

bool has_tiled_attention(const ModelData& model, std::int32_t shared_bytes) {
  if (model.values == Format::kF32) return false;
  switch (model.shape.head_dim) {
    case 64:
      return TileSpace<64>::kBytes <= shared_bytes;
    case 128:
      return TileSpace<128>::kBytes <= shared_bytes;
    case 256:
      return TileSpace<256>::kBytes <= shared_bytes;
    default:
      return false;
  }
}

std::int32_t tile_queries(const ModelData& model, std::int32_t n_rows, std::int32_t n_multiprocessors) {
  const bool fills = n_rows / kMostTileQueries * model.shape.n_heads >= n_multiprocessors;
  return model.shape.head_dim == 64 && fills ? kMostTileQueries : kMostTileQueries / 2;
}

void expand_cache(const ModelData& model, const KvCache& cache, const ExpandedCache& expanded,
                  const LayerWeights& layer, std::int32_t layer_index, const RowList& rows, cudaStream_t stream) {
  if (rows.n_contexts == 0) return;
  constexpr unsigned kBlocksOfHead = 32;
  const dim3 grid(kBlocksOfHead, static_cast<unsigned>(2 * model.shape.n_kv_heads),
                  static_cast<unsigned>(rows.n_contexts));
  with_value_type(model.values, [&]<typename T>() {
    if constexpr (!std::is_same_v<T, float>) {
      launch_early("expanding the cache", expand_contexts<T>, grid, kExpandThreads, 0, stream, model, cache, expanded,
                   layer.window, layer_index, rows);
    }
  });
}

void attend_tiles(const ModelData& model, const KvCache& cache, const ExpandedCache& expanded,
                  const LayerWeights& layer, std::int32_t layer_index, const RowList& rows, const void* query,
                  RowsOf out, cudaStream_t stream) {
  if (rows.n_tiles == 0) return;
  const dim3 grid(static_cast<unsigned>(model.shape.n_heads), static_cast<unsigned>(rows.n_tiles));
  const auto launch = [&]<typename T, typename Cached, int kSize, int kM>() {
    constexpr int kBytes = TileSpace<kSize>::kBytes;
    const auto kernel = attend_tile<T, Cached, kSize, kM>;
    check(cudaFuncSetAttribute(kernel, cudaFuncAttributeMaxDynamicSharedMemorySize, kBytes), "attention by tiles");
    launch_early("attention by tiles", kernel, grid, kTileThreads, kBytes, stream, model, cache, expanded, layer.window,
                 layer_index, rows, static_cast<const T*>(query), out);
  };
  const auto by_size = [&]<typename T, typename Cached>() {
    switch (model.shape.head_dim) {
      case 64:
        return rows.tile_queries == kMostTileQueries ? launch.template operator()<T, Cached, 64, 2>()
                                                     : launch.template operator()<T, Cached, 64, 1>();
      case 128:
        return launch.template operator()<T, Cached, 128, 1>();
      default:
        return launch.template operator()<T, Cached, 256, 1>();
    }
  };
  with_cache_type(model.values, cache.scales != nullptr, [&]<typename T, typename Cached>() {
    if constexpr (!std::is_same_v<T, float>) by_size.template operator()<T, Cached>();
  });
}

}  // namespace inferbench::cuda_backend
