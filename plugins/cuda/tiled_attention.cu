// SPDX-License-Identifier: Apache-2.0
//
// Attention of many tokens of a sequence, by tiles of 64 queries and 64 keys on tensor cores, with a running softmax:
// Dao et al., "FlashAttention", 2022.
#include <type_traits>

#include "cache_codes.cuh"
#include "cuda_call.hpp"
#include "kernel_math.cuh"
#include "launch.cuh"
#include "multiply.cuh"
#include "rows.hpp"
#include "step_ring.cuh"
#include "value_type.hpp"

namespace inferbench::cuda_backend {
namespace {

constexpr int kTileThreads = 128;  // 4 warps of 16 queries
constexpr int kKeys = 64;

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

__device__ __forceinline__ void load_transposed(std::uint32_t (&to)[4], const void* row) {
  asm volatile("ldmatrix.sync.aligned.m8n8.x4.trans.shared.b16 {%0,%1,%2,%3}, [%4];"
               : "=r"(to[0]), "=r"(to[1]), "=r"(to[2]), "=r"(to[3])
               : "r"(shared_address(row)));
}

/// The running softmax of a lane's two queries, r and r + 8 of its warp's 16.
template <int kSize>
struct TileState {
  float most[2] = {-INFINITY, -INFINITY};
  float sum[2] = {0, 0};
  float values[kSize / 8][4] = {};
};

/// scores [key / 8][...] become weights; what was added up before is scaled to the new greatest score.
template <int kSize>
__device__ void soften(TileState<kSize>& state, float (&scores)[kKeys / 8][4]) {
#pragma unroll
  for (int half = 0; half < 2; ++half) {
    float top = state.most[half];
#pragma unroll
    for (int n = 0; n < kKeys / 8; ++n) top = fmaxf(top, fmaxf(scores[n][half * 2], scores[n][half * 2 + 1]));
    top = fmaxf(top, __shfl_xor_sync(kAllLanes, top, 1));
    top = fmaxf(top, __shfl_xor_sync(kAllLanes, top, 2));
    const float base = top == -INFINITY ? 0.0F : top;  // nothing seen yet
    const float keep = __expf(state.most[half] - base);
    state.most[half] = top;
    float sum = 0;
#pragma unroll
    for (int n = 0; n < kKeys / 8; ++n) {
#pragma unroll
      for (int i = half * 2; i < half * 2 + 2; ++i) {
        scores[n][i] = __expf(scores[n][i] - base);
        sum += scores[n][i];
      }
    }
    sum += __shfl_xor_sync(kAllLanes, sum, 1);
    sum += __shfl_xor_sync(kAllLanes, sum, 2);
    state.sum[half] = state.sum[half] * keep + sum;
#pragma unroll
    for (int d = 0; d < kSize / 8; ++d) {
      state.values[d][half * 2] *= keep;
      state.values[d][half * 2 + 1] *= keep;
    }
  }
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

template <typename T, typename Cached, int kSize>
__global__ void __launch_bounds__(kTileThreads) attend_tile(ModelData model, KvCache cache, std::int32_t window,
                                                            int layer_index, RowList rows, const T* query, RowsOf out) {
  extern __shared__ __align__(16) unsigned char shared_bytes[];
  let_successor_begin();
  wait_for_predecessors();
  using Space = TileSpace<kSize>;
  T* keys = reinterpret_cast<T*>(shared_bytes);
  T* values = keys + 2 * Space::kKeyValues;
  const Shape& shape = model.shape;
  const QueryTile tile = rows.tiles[rows.n_tiles - 1 - static_cast<int>(blockIdx.y)];  // the longest first
  const int head = static_cast<int>(blockIdx.x);
  const int kv_head = head / (shape.n_heads / shape.n_kv_heads);
  const int warp = static_cast<int>(threadIdx.x) / kWarp;
  const int lane = static_cast<int>(threadIdx.x) % kWarp;
  const int r = lane / 4;
  const int c = lane % 4;
  const auto* cached = static_cast<const Cached*>(cache.data);
  const Cached* all_keys = cached + cache.place(shape, tile.slot, layer_index, 0, kv_head);
  const Cached* all_values = cached + cache.place(shape, tile.slot, layer_index, 1, kv_head);
  const float* scales = nullptr;  // of keys
  if constexpr (kIsCode<Cached>) scales = cache.scales + cache.scale_place(shape, tile.slot, layer_index, 0, kv_head);

  uint4 q[kSize / 32][2];
  int position[2];
#pragma unroll
  for (int half = 0; half < 2; ++half) {
    const int in_tile = warp * 16 + half * 8 + r;
    const bool is_there = in_tile < tile.n_rows;
    position[half] = tile.position + in_tile;
    const std::int64_t row = tile.first_row + (is_there ? in_tile : 0);
    const T* from = query + (row * shape.n_heads + head) * kSize + c * 8;
#pragma unroll
    for (int k = 0; k < kSize / 32; ++k) {
      q[k][half] = is_there ? *reinterpret_cast<const uint4*>(from + k * 32) : uint4{};
    }
  }
  const int end = tile.position + tile.n_rows;
  const int first_seen = window > 0 ? max(0, tile.position + 1 - window) : 0;
  const int first_tile = first_seen / kKeys;
  const int n_tiles = (end + kKeys - 1) / kKeys;
  const auto copy_keys = [&](int index) {
    T* to_keys = keys + index % 2 * Space::kKeyValues;
    T* to_values = values + index % 2 * kKeys * Space::kValuePitch;
    for (int i = static_cast<int>(threadIdx.x); i < kKeys * kSize / 8; i += kTileThreads) {
      const int row = i / (kSize / 8);
      const int column = i % (kSize / 8) * 8;
      const bool is_there = index * kKeys + row < end;
      const int position = is_there ? index * kKeys + row : 0;
      const std::int64_t at = static_cast<std::int64_t>(position) * kSize + column;
      if constexpr (kIsCode<Cached>) {
        const float* scale = scales + position;
        copy_codes(to_keys + row * Space::kKeyPitch + column, all_keys + at, scale, is_there);
        copy_codes(to_values + row * Space::kValuePitch + column, all_values + at,
                   scale + cache.scales_half_stride(shape), is_there);
      } else {
        copy16(to_keys + row * Space::kKeyPitch + column, all_keys + at, is_there);
        copy16(to_values + row * Space::kValuePitch + column, all_values + at, is_there);
      }
    }
    asm volatile("cp.async.commit_group;" ::: "memory");
  };
  TileState<kSize> state;
  copy_keys(first_tile);
  for (int index = first_tile; index < n_tiles; ++index) {
    if (index + 1 < n_tiles) {
      copy_keys(index + 1);
      asm volatile("cp.async.wait_group 1;" ::: "memory");
    } else {
      asm volatile("cp.async.wait_group 0;" ::: "memory");
    }
    __syncthreads();
    const T* tile_keys = keys + index % 2 * Space::kKeyValues;
    const T* tile_values = values + index % 2 * kKeys * Space::kValuePitch;
    float scores[kKeys / 8][4] = {};
#pragma unroll
    for (int n = 0; n < kKeys / 8; ++n) {
#pragma unroll
      for (int k = 0; k < kSize / 32; ++k) {
        const uint4 b = *reinterpret_cast<const uint4*>(tile_keys + (n * 8 + r) * Space::kKeyPitch + k * 32 + c * 8);
        multiply<T>(scores[n], q[k][0].x, q[k][1].x, q[k][0].y, q[k][1].y, b.x, b.y);
        multiply<T>(scores[n], q[k][0].z, q[k][1].z, q[k][0].w, q[k][1].w, b.z, b.w);
      }
    }
    const bool is_inner = (index + 1) * kKeys <= tile.position + 1 &&
                          (window <= 0 || index * kKeys > tile.position + kTileQueries - 1 - window);
    if (!is_inner || shape.attention_cap != 0) {
#pragma unroll
      for (int n = 0; n < kKeys / 8; ++n) {
#pragma unroll
        for (int i = 0; i < 4; ++i) {
          const int key = index * kKeys + n * 8 + c * 2 + i % 2;
          const int at = position[i / 2];
          const bool is_seen = key <= at && (window <= 0 || key > at - window);
          scores[n][i] = is_seen ? soft_cap(scores[n][i], shape.attention_cap) : -INFINITY;
        }
      }
    }
    soften<kSize>(state, scores);
#pragma unroll
    for (int k = 0; k < kKeys / 16; ++k) {
      const std::uint32_t a0 = pair_of<T>(scores[2 * k][0], scores[2 * k][1]);
      const std::uint32_t a1 = pair_of<T>(scores[2 * k][2], scores[2 * k][3]);
      const std::uint32_t a2 = pair_of<T>(scores[2 * k + 1][0], scores[2 * k + 1][1]);
      const std::uint32_t a3 = pair_of<T>(scores[2 * k + 1][2], scores[2 * k + 1][3]);
#pragma unroll
      for (int d = 0; d < kSize / 16; ++d) {
        std::uint32_t b[4];
        load_transposed(b, tile_values + (k * 16 + lane % 16) * Space::kValuePitch + d * 16 + lane / 16 * 8);
        multiply<T>(state.values[2 * d], a0, a1, a2, a3, b[0], b[1]);
        multiply<T>(state.values[2 * d + 1], a0, a1, a2, a3, b[2], b[3]);
      }
    }
    __syncthreads();
  }
#pragma unroll
  for (int half = 0; half < 2; ++half) {
    const int in_tile = warp * 16 + half * 8 + r;
    if (in_tile >= tile.n_rows) continue;
    T* to = static_cast<T*>(out.data) + static_cast<std::int64_t>(tile.first_row + in_tile) * out.stride + head * kSize;
    const float scale = 1 / state.sum[half];
#pragma unroll
    for (int d = 0; d < kSize / 8; ++d) {
      const std::uint32_t bits = pair_of<T>(state.values[d][half * 2] * scale, state.values[d][half * 2 + 1] * scale);
      *reinterpret_cast<std::uint32_t*>(to + d * 8 + c * 2) = bits;
    }
  }
}

}  // namespace

bool has_tiled_attention(const ModelData& model) {
  const std::int32_t size = model.shape.head_dim;
  return model.values != Format::kF32 && (size == 64 || size == 128 || size == 256);
}

void attend_tiles(const ModelData& model, const KvCache& cache, const LayerWeights& layer, std::int32_t layer_index,
                  const RowList& rows, const void* query, RowsOf out, cudaStream_t stream) {
  if (rows.n_tiles == 0) return;
  const dim3 grid(static_cast<unsigned>(model.shape.n_heads), static_cast<unsigned>(rows.n_tiles));
  const auto launch = [&]<typename T, typename Cached, int kSize>() {
    constexpr int kBytes = TileSpace<kSize>::kBytes;
    const auto kernel = attend_tile<T, Cached, kSize>;
    check(cudaFuncSetAttribute(kernel, cudaFuncAttributeMaxDynamicSharedMemorySize, kBytes), "attention by tiles");
    launch_early("attention by tiles", kernel, grid, kTileThreads, kBytes, stream, model, cache, layer.window,
                 layer_index, rows, static_cast<const T*>(query), out);
  };
  const auto by_size = [&]<typename T, typename Cached>() {
    switch (model.shape.head_dim) {
      case 64:
        return launch.template operator()<T, Cached, 64>();
      case 128:
        return launch.template operator()<T, Cached, 128>();
      default:
        return launch.template operator()<T, Cached, 256>();
    }
  };
  with_cache_type(model.values, cache.scales != nullptr, [&]<typename T, typename Cached>() {
    if constexpr (!std::is_same_v<T, float>) by_size.template operator()<T, Cached>();
  });
}

}  // namespace inferbench::cuda_backend
