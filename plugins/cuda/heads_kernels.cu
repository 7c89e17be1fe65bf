// SPDX-License-Identifier: Apache-2.0
//
// From the product for queries, keys and values to attention: norms and rotation of heads, and the KV cache.
#include "cuda_call.hpp"
#include "head_values.cuh"
#include "launch.cuh"
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
  const auto row = static_cast<int>(item / n_heads);
  const HeadPlace place(shape, rows, row, static_cast<int>(item - std::int64_t{row} * n_heads));
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
  Cached* to = static_cast<Cached*>(cache.data) + place.cached_at(shape, cache, layer_index) +
               static_cast<std::int64_t>(place.position) * shape.head_stride;
  if constexpr (kIsCode<Cached>) {
    store_codes(to, cache.scales + place.scale_at(shape, cache, layer_index), visit);
  } else {
    visit([to](int i, float x) { to[i] = as_value<T>(x); });
  }
}

template <typename T, typename Cached, typename From, int kSize>
__global__ void __launch_bounds__(kThreads)
    vector_heads(const __grid_constant__ ModelData model, KvCache cache, const __grid_constant__ LayerWeights layer,
                 int layer_index, RowList rows, QkvParts qkv, T* query) {
  let_successor_begin();
  const Shape& shape = model.shape;
  const int n_heads = shape.n_heads + 2 * shape.n_kv_heads;
  const std::int64_t item = (static_cast<std::int64_t>(blockIdx.x) * kThreads + threadIdx.x) / HeadPiece<kSize>::kLanes;
  const auto row = static_cast<int>(item / n_heads);
  const bool is_there = row < rows.n_rows;  // all lanes take part in sums
  const HeadPlace place(shape, rows, is_there ? row : 0, static_cast<int>(item - std::int64_t{row} * n_heads));
  HeadPiece<kSize> piece;
  piece.load_turns(place.rotation(cache, layer, kSize));
  wait_for_predecessors();
  const From* from = head_source<From>(qkv, place, kSize) + piece.at;
  load8(from, piece.low);
  load8(from + kSize / 2, piece.high);
#pragma unroll 4
  for (int p = 1; p < qkv.parts; ++p) {
    float more[2][8];
    load8(from + p * qkv.part_stride, more[0]);
    load8(from + p * qkv.part_stride + kSize / 2, more[1]);
#pragma unroll
    for (int i = 0; i < 8; ++i) {
      piece.low[i] += more[0][i];
      piece.high[i] += more[1][i];
    }
  }
  finish_head<T, Cached, kSize>(shape, cache, layer, layer_index, place, piece, query, is_there);
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
