// SPDX-License-Identifier: Apache-2.0
//
// From the product for queries, keys and values to attention: where a head goes, its norm and its rotation.
#pragma once

#include "cache_codes.cuh"
#include "kernel_math.cuh"
#include "rows.hpp"

namespace inferbench::cuda_backend {

/// Where a head of a row comes from and goes to.
struct HeadPlace {
  int row;
  int head;      // of queries, keys and values together
  int position;  // of the row
  int slot;
  int kv_head;  // -1: a query
  bool is_key;

  __device__ HeadPlace(const Shape& shape, const RowList& rows, int row_, int head_)
      : HeadPlace(shape, row_, head_, rows.positions[row_], rows.slots[row_]) {}
  __device__ HeadPlace(const Shape& shape, int row_, int head_, int position_, int slot_)
      : row(row_), head(head_), position(position_), slot(slot_) {
    is_key = head < shape.n_heads + shape.n_kv_heads;
    kv_head = head < shape.n_heads ? -1 : head - shape.n_heads - (is_key ? 0 : shape.n_kv_heads);
  }
  /// Null: no rotation.
  __device__ const float2* rotation(const KvCache& cache, const LayerWeights& layer, int size) const {
    if (layer.rotary_table < 0 || (kv_head >= 0 && !is_key)) return nullptr;
    return cache.rotation + (static_cast<std::int64_t>(layer.rotary_table) * cache.max_tokens + position) * (size / 2);
  }
  /// Null: no norm.
  __device__ const float* norm(const LayerWeights& layer) const {
    return kv_head < 0 ? layer.q_norm : is_key ? layer.k_norm : nullptr;
  }
  /// Of keys and values: where position 0 of the head is in the cache's arrays of `data` and of scales.
  __device__ std::int64_t cached_at(const Shape& shape, const KvCache& cache, int layer_index) const {
    return cache.place(shape, slot, layer_index, is_key ? 0 : 1, kv_head);
  }
  __device__ std::int64_t scale_at(const Shape& shape, const KvCache& cache, int layer_index) const {
    return cache.scale_place(shape, slot, layer_index, is_key ? 0 : 1, kv_head) + position;
  }
};

__device__ __forceinline__ void store8_codes(std::int8_t* to, const float (&values)[8], float scale) {
  __align__(8) std::int8_t codes[8];
#pragma unroll
  for (int i = 0; i < 8; ++i) codes[i] = head_code(values[i], scale);
  *reinterpret_cast<uint2*>(to) = *reinterpret_cast<const uint2*>(codes);
}

/// kSize / 16 neighbouring lanes have a head. Each has 8 values of the first half, from value `at` on, and those that
/// rotate with them.
template <int kSize>
struct HeadPiece {
  static constexpr int kLanes = kSize / 16;

  int at;
  float low[8];
  float high[8];
  float4 turns[4];  // cosines and sines of two pairs each

  __device__ __forceinline__ HeadPiece() : at(static_cast<int>(threadIdx.x) % kLanes * 8) {}

  __device__ __forceinline__ void load_turns(const float2* rotation) {
    if (rotation == nullptr) return;
#pragma unroll
    for (int i = 0; i < 4; ++i) turns[i] = reinterpret_cast<const float4*>(rotation + at)[i];
  }

  /// Called by whole warps. `weight` may be null.
  __device__ __forceinline__ void normalize(const float* weight, float epsilon) {
    float squares = 0;
#pragma unroll
    for (int i = 0; i < 8; ++i) squares += low[i] * low[i] + high[i] * high[i];
#pragma unroll
    for (int offset = kLanes / 2; offset > 0; offset /= 2) squares += __shfl_xor_sync(kAllLanes, squares, offset);
    const float factor = rsqrtf(squares / kSize + epsilon);
    if (weight == nullptr) return;
#pragma unroll
    for (int i = 0; i < 8; ++i) {
      low[i] *= factor * weight[at + i];
      high[i] *= factor * weight[kSize / 2 + at + i];
    }
  }

  __device__ __forceinline__ void turn() {
#pragma unroll
    for (int i = 0; i < 8; ++i) {
      const float cosine = i % 2 == 0 ? turns[i / 2].x : turns[i / 2].z;
      const float sine = i % 2 == 0 ? turns[i / 2].y : turns[i / 2].w;
      const float turned = low[i] * cosine - high[i] * sine;
      high[i] = high[i] * cosine + low[i] * sine;
      low[i] = turned;
    }
  }

  /// Of 8-bit codes. Called by whole warps.
  __device__ __forceinline__ float code_scale() const {
    std::uint32_t most = 0;  // by bits, so that NaN is the greatest
#pragma unroll
    for (int i = 0; i < 8; ++i) {
      most = max(most, max(__float_as_uint(fabsf(low[i])), __float_as_uint(fabsf(high[i]))));
    }
#pragma unroll
    for (int offset = kLanes / 2; offset > 0; offset /= 2) most = max(most, __shfl_xor_sync(kAllLanes, most, offset));
    return head_scale(__uint_as_float(most));
  }
};

/// Norms and rotates a head, and stores it: a query, scaled, to `query` [row][n_heads][kSize], else to the cache.
/// Called by whole warps; lanes of heads that are not there store nothing.
template <typename T, typename Cached, int kSize>
__device__ __forceinline__ void finish_head(const Shape& shape, const KvCache& cache, const LayerWeights& layer,
                                            int layer_index, const HeadPlace& place, HeadPiece<kSize>& piece, T* query,
                                            bool is_there) {
  if (shape.qk_norm != 0) piece.normalize(place.norm(layer), shape.epsilon);
  if (place.rotation(cache, layer, kSize) != nullptr) piece.turn();
  float scale = 0;
  if constexpr (kIsCode<Cached>) scale = piece.code_scale();
  if (!is_there) return;
  if (place.kv_head < 0) {
    T* to = query + (static_cast<std::int64_t>(place.row) * shape.n_heads + place.head) * kSize + piece.at;
#pragma unroll
    for (int i = 0; i < 8; ++i) {
      piece.low[i] *= layer.attention_scale;
      piece.high[i] *= layer.attention_scale;
    }
    store8(to, piece.low);
    store8(to + kSize / 2, piece.high);
    return;
  }
  Cached* to = static_cast<Cached*>(cache.data) + place.cached_at(shape, cache, layer_index) +
               static_cast<std::int64_t>(place.position) * kSize + piece.at;
  if constexpr (kIsCode<Cached>) {
    store8_codes(to, piece.low, scale);
    store8_codes(to + kSize / 2, piece.high, scale);
    if (piece.at == 0) cache.scales[place.scale_at(shape, cache, layer_index)] = scale;
  } else {
    store8(to, piece.low);
    store8(to + kSize / 2, piece.high);
  }
}

}  // namespace inferbench::cuda_backend
