// SPDX-License-Identifier: Apache-2.0
//
// From the product for queries, keys and values to attention: norms and rotation of heads, and the KV cache.
#include "cache_codes.cuh"
#include "cuda_call.hpp"
#include "kernel_math.cuh"
#include "launch.cuh"
#include "rows.hpp"
#include "value_type.hpp"

namespace inferbench::cuda_backend {
namespace {

constexpr int kThreads = 256;
constexpr int kWarps = kThreads / kWarp;

// A warp encodes a head. `visit`: calls its argument with (i, value) for all values of this lane; it is called twice.
template <typename Visit>
__device__ void store_codes(std::int8_t* to, float* scale_to, Visit visit) {
  HeadMagnitude magnitude;
  visit([&](int, float x) { magnitude.add(x); });
  const float scale = magnitude.scale();
  visit([&](int i, float x) { to[i] = head_code(x, scale); });
  if (threadIdx.x % kWarp == 0) *scale_to = scale;
}

/// Where a head of a row comes from and goes to.
struct HeadPlace {
  int row;
  int head;      // of queries, keys and values together
  int position;  // of the row
  int kv_head;   // -1: a query
  bool is_key;

  __device__ HeadPlace(const Shape& shape, const RowList& rows, std::int64_t item) {
    const int n_heads = shape.n_heads + 2 * shape.n_kv_heads;
    row = static_cast<int>(item / n_heads);
    head = static_cast<int>(item - static_cast<std::int64_t>(row) * n_heads);
    position = rows.positions[row];
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
};

template <typename From>
__device__ __forceinline__ const From* head_source(const QkvParts& qkv, const HeadPlace& place, int size) {
  return static_cast<const From*>(qkv.rows.data) + static_cast<std::int64_t>(place.row) * qkv.rows.stride +
         place.head * size;
}

// One warp for each head of each row.
template <typename T, typename Cached, typename From>
__global__ void heads(ModelData model, KvCache cache, LayerWeights layer, int layer_index, RowList rows, QkvParts qkv,
                      T* query) {
  let_successor_begin();
  wait_for_predecessors();
  const Shape& shape = model.shape;
  const int n_heads = shape.n_heads + 2 * shape.n_kv_heads;
  const std::int64_t item = static_cast<std::int64_t>(blockIdx.x) * kWarps + threadIdx.x / kWarp;
  if (item >= static_cast<std::int64_t>(rows.n_rows) * n_heads) return;
  const HeadPlace place(shape, rows, item);
  const int size = shape.head_dim;
  const From* from = head_source<From>(qkv, place, size);
  HeadLanes head = read_head(from, size);
  for (int p = 1; p < qkv.parts; ++p) {
    const HeadLanes more = read_head(from + p * qkv.part_stride, size);
#pragma unroll
    for (int i = 0; i < HeadLanes::kMost; ++i) {
      head.low[i] += more.low[i];
      head.high[i] += more.high[i];
    }
  }
  const float scale = place.kv_head < 0 ? layer.attention_scale : 1.0F;
  const auto visit = [&](auto write) {
    write_head(head, size, place.norm(layer), shape.epsilon, place.rotation(cache, layer, size), scale, write);
  };
  if (place.kv_head < 0) {
    T* to = query + (static_cast<std::int64_t>(place.row) * shape.n_heads + place.head) * shape.head_stride;
    return visit([to](int i, float x) { to[i] = as_value<T>(x); });
  }
  const int slot = rows.slots[place.row];
  const int part = place.is_key ? 0 : 1;
  Cached* to = static_cast<Cached*>(cache.data) + cache.place(shape, slot, layer_index, part, place.kv_head) +
               static_cast<std::int64_t>(place.position) * shape.head_stride;
  if constexpr (kIsCode<Cached>) {
    store_codes(to, cache.scales + cache.scale_place(shape, slot, layer_index, part, place.kv_head) + place.position,
                visit);
  } else {
    visit([to](int i, float x) { to[i] = as_value<T>(x); });
  }
}

__device__ __forceinline__ void store8_codes(std::int8_t* to, const float (&values)[8], float scale) {
  __align__(8) std::int8_t codes[8];
#pragma unroll
  for (int i = 0; i < 8; ++i) codes[i] = head_code(values[i], scale);
  *reinterpret_cast<uint2*>(to) = *reinterpret_cast<const uint2*>(codes);
}

// kSize / 16 threads for each head of each row, each with 8 values of the first half and those that rotate with them.
template <typename T, typename Cached, typename From, int kSize>
__global__ void __launch_bounds__(kThreads)
    vector_heads(const __grid_constant__ ModelData model, KvCache cache, const __grid_constant__ LayerWeights layer,
                 int layer_index, RowList rows, QkvParts qkv, T* query) {
  constexpr int kLanes = kSize / 16;
  let_successor_begin();
  const Shape& shape = model.shape;
  const std::int64_t n_items = static_cast<std::int64_t>(rows.n_rows) * (shape.n_heads + 2 * shape.n_kv_heads);
  const std::int64_t item = (static_cast<std::int64_t>(blockIdx.x) * kThreads + threadIdx.x) / kLanes;
  const bool is_there = item < n_items;  // all lanes take part in sums
  const HeadPlace place(shape, rows, is_there ? item : 0);
  const int at = static_cast<int>(threadIdx.x) % kLanes * 8;
  const float2* rotation = place.rotation(cache, layer, kSize);
  float4 turns[4] = {};
  if (rotation != nullptr) {
#pragma unroll
    for (int i = 0; i < 4; ++i) turns[i] = reinterpret_cast<const float4*>(rotation + at)[i];
  }
  wait_for_predecessors();
  const From* from = head_source<From>(qkv, place, kSize) + at;
  float low[8];
  float high[8];
  load8(from, low);
  load8(from + kSize / 2, high);
#pragma unroll 4
  for (int p = 1; p < qkv.parts; ++p) {
    float more[2][8];
    load8(from + p * qkv.part_stride, more[0]);
    load8(from + p * qkv.part_stride + kSize / 2, more[1]);
#pragma unroll
    for (int i = 0; i < 8; ++i) {
      low[i] += more[0][i];
      high[i] += more[1][i];
    }
  }
  if (const float* weight = place.norm(layer); shape.qk_norm != 0) {
    float squares = 0;
#pragma unroll
    for (int i = 0; i < 8; ++i) squares += low[i] * low[i] + high[i] * high[i];
#pragma unroll
    for (int offset = kLanes / 2; offset > 0; offset /= 2) squares += __shfl_xor_sync(kAllLanes, squares, offset);
    const float factor = rsqrtf(squares / kSize + shape.epsilon);
    if (weight != nullptr) {
#pragma unroll
      for (int i = 0; i < 8; ++i) {
        low[i] *= factor * weight[at + i];
        high[i] *= factor * weight[kSize / 2 + at + i];
      }
    }
  }
  if (rotation != nullptr) {
#pragma unroll
    for (int i = 0; i < 8; ++i) {
      const float cosine = i % 2 == 0 ? turns[i / 2].x : turns[i / 2].z;
      const float sine = i % 2 == 0 ? turns[i / 2].y : turns[i / 2].w;
      const float turned = low[i] * cosine - high[i] * sine;
      high[i] = high[i] * cosine + low[i] * sine;
      low[i] = turned;
    }
  }
  float scale = 0;
  if constexpr (kIsCode<Cached>) {
    std::uint32_t most = 0;  // by bits, so that NaN is the greatest
#pragma unroll
    for (int i = 0; i < 8; ++i) {
      most = max(most, max(__float_as_uint(fabsf(low[i])), __float_as_uint(fabsf(high[i]))));
    }
#pragma unroll
    for (int offset = kLanes / 2; offset > 0; offset /= 2) most = max(most, __shfl_xor_sync(kAllLanes, most, offset));
    scale = head_scale(__uint_as_float(most));
  }
  if (!is_there) return;
  if (place.kv_head < 0) {
    T* to = query + (static_cast<std::int64_t>(place.row) * shape.n_heads + place.head) * kSize + at;
#pragma unroll
    for (int i = 0; i < 8; ++i) {
      low[i] *= layer.attention_scale;
      high[i] *= layer.attention_scale;
    }
    store8(to, low);
    store8(to + kSize / 2, high);
    return;
  }
  const int slot = rows.slots[place.row];
  const int part = place.is_key ? 0 : 1;
  Cached* to = static_cast<Cached*>(cache.data) + cache.place(shape, slot, layer_index, part, place.kv_head) +
               static_cast<std::int64_t>(place.position) * kSize + at;
  if constexpr (kIsCode<Cached>) {
    store8_codes(to, low, scale);
    store8_codes(to + kSize / 2, high, scale);
    if (at == 0) {
      cache.scales[cache.scale_place(shape, slot, layer_index, part, place.kv_head) + place.position] = scale;
    }
  } else {
    store8(to, low);
    store8(to + kSize / 2, high);
  }
}

}  // namespace

void store_heads(const ModelData& model, const KvCache& cache, const LayerWeights& layer, std::int32_t layer_index,
                 const RowList& rows, const QkvParts& qkv, void* query, cudaStream_t stream) {
  const Shape& shape = model.shape;
  const std::int64_t items = static_cast<std::int64_t>(rows.n_rows) * (shape.n_heads + 2 * shape.n_kv_heads);
  with_cache_type(model.values, cache.scales != nullptr, [&]<typename T, typename Cached>() {
    const auto launch = [&](auto kernel, int lanes) {
      launch_early("storing heads", kernel, dim3(static_cast<unsigned>((items * lanes + kThreads - 1) / kThreads)),
                   kThreads, 0, stream, model, cache, layer, layer_index, rows, qkv, static_cast<T*>(query));
    };
    const auto by_size = [&]<typename From>() {
      switch (shape.head_dim) {
        case 64:
          return launch(vector_heads<T, Cached, From, 64>, 64 / 16);
        case 128:
          return launch(vector_heads<T, Cached, From, 128>, 128 / 16);
        case 256:
          return launch(vector_heads<T, Cached, From, 256>, 256 / 16);
        default:
          return launch(heads<T, Cached, From>, kWarp);
      }
    };
    qkv.rows.is_float ? by_size.template operator()<float>() : by_size.template operator()<T>();
  });
}

}  // namespace inferbench::cuda_backend
