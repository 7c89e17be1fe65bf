// SPDX-License-Identifier: Apache-2.0
#include "attention_block.cuh"
#include "cuda_call.hpp"
#include "fused_kernels.hpp"
#include "launch.cuh"
#include "step_norm.cuh"
#include "value_type.hpp"

namespace inferbench::cuda_backend {
namespace {

// ---- the residual stream ----

constexpr int kRowThreads = 256;
constexpr int kRowWarps = kRowThreads / kWarp;
constexpr int kRowVector = 4 * kRowThreads;  // values that all threads hold in one vector each

/// `parts`: shared memory, kRowWarps floats that no other sum of the kernel uses.
__device__ __forceinline__ float sum_of_row(float x, float* parts) {
  x = warp_sum(x);
  if (threadIdx.x % kWarp == 0) parts[threadIdx.x / kWarp] = x;
  __syncthreads();
  float sum = 0;
#pragma unroll
  for (int w = 0; w < kRowWarps; ++w) sum += parts[w];
  return sum;
}

/// A row over the threads of a block: each holds kVectors vectors of 4 values, kRowVector apart.
template <int kVectors>
struct RowVectors {
  float4 x[kVectors];

  static __device__ int at(int j) { return 4 * static_cast<int>(threadIdx.x) + j * kRowVector; }

  /// `parts`: 2 kRowWarps floats. First the mean, then the variance: outliers would cost the difference of squares its
  /// accuracy.
  __device__ NormFactors factors(const Shape& shape, float* parts) const {
    float mean = 0;
    if (shape.norm == IB_NORM_LAYER) {
      float sum = 0;
#pragma unroll
      for (int j = 0; j < kVectors; ++j) sum += moments(j, 0, shape).sum;
      mean = sum_of_row(sum, parts) / static_cast<float>(shape.hidden);
    }
    Moments all;
#pragma unroll
    for (int j = 0; j < kVectors; ++j) all.squares += moments(j, mean, shape).squares;
    all.squares = sum_of_row(all.squares, parts + kRowWarps);
    return NormFactors(all, mean, shape);
  }

 private:
  __device__ Moments moments(int j, float shift, const Shape& shape) const {
    Moments moments;
    if (at(j) < shape.hidden) moments.add(x[j], shift, at(j), shape.hidden);
    return moments;
  }
};

/// The weights of a norm, fetched ahead.
template <int kVectors>
struct NormVectors {
  float4 weight[kVectors];
  float4 bias[kVectors];

  __device__ NormVectors(const NormWeights& norm, const Shape& shape) {
#pragma unroll
    for (int j = 0; j < kVectors; ++j) {
      const int i = RowVectors<kVectors>::at(j);
      if (i >= shape.hidden) continue;
      weight[j] = weight_at(norm, i);
      bias[j] = bias_at(norm, i);
    }
  }
};

template <typename T, int kVectors>
__device__ __forceinline__ void store_normed(const RowVectors<kVectors>& row, const NormVectors<kVectors>& norm,
                                             const Shape& shape, float* parts, T* y, int stride) {
  const NormFactors by = row.factors(shape, parts);
#pragma unroll
  for (int j = 0; j < kVectors; ++j) {
    const int i = row.at(j);
    if (i < stride) store4(y + i, i < shape.hidden ? by.apply(row.x[j], norm.weight[j], norm.bias[j]) : float4{});
  }
}

/// In memory of the host, which takes microseconds to read: so every block reads for itself what it needs.
struct HostLists {
  const std::int32_t* data;
  int n;
};

template <typename T, int kVectors>
__global__ void __launch_bounds__(kRowThreads)
    embed_and_norm(ModelData model, HostLists host, RowList rows, NormWeights norm, float* x, RowsOf y) {
  __shared__ float parts[2 * kRowWarps];
  let_successor_begin();
  const auto row = static_cast<int>(blockIdx.x);
  const Shape& shape = model.shape;
  const NormVectors<kVectors> weights(norm, shape);
  const std::int64_t position_list = rows.positions - rows.tokens;
  const StepRow source{host.data[row], host.data[position_list + row], 0, 0};
  wait_for_predecessors();
  if (row == 0) {
    for (int i = static_cast<int>(threadIdx.x); i < host.n; i += kRowThreads) rows.tokens[i] = host.data[i];
  }
  const Embedding<T> embedding(model, source);
  RowVectors<kVectors> mine;
#pragma unroll
  for (int j = 0; j < kVectors; ++j) {
    const int i = mine.at(j);
    mine.x[j] = i < shape.hidden ? embedding.load(i) : float4{};
    if (i < shape.hidden_stride) {
      *reinterpret_cast<float4*>(x + static_cast<std::int64_t>(row) * shape.hidden_stride + i) = mine.x[j];
    }
  }
  store_normed(mine, weights, shape, parts, static_cast<T*>(y.data) + static_cast<std::int64_t>(row) * y.stride,
               y.stride);
}

template <typename T, int kVectors>
__global__ void __launch_bounds__(kRowThreads)
    add_and_norm(Shape shape, DeltaParts delta, NormWeights post, NormWeights norm, const std::int32_t* pick, float* x,
                 RowsOf y) {
  __shared__ float parts[4 * kRowWarps];
  let_successor_begin();
  const NormVectors<kVectors> weights(norm, shape);
  wait_for_predecessors();
  const int to = static_cast<int>(blockIdx.x);
  const std::int64_t from = static_cast<std::int64_t>(pick != nullptr ? pick[to] : to) * shape.hidden_stride;
  RowVectors<kVectors> mine;
  RowVectors<kVectors> sum{};
  const bool keeps_sum = pick == nullptr && delta.n != 0;
  const auto vector_at = [&](const float* data, int j) {
    return mine.at(j) < shape.hidden_stride ? __ldcg(reinterpret_cast<const float4*>(data + from + mine.at(j)))
                                            : float4{};
  };
#pragma unroll
  for (int j = 0; j < kVectors; ++j) mine.x[j] = vector_at(x, j);
#pragma unroll 4
  for (int p = 0; p < delta.n; ++p) {
#pragma unroll
    for (int j = 0; j < kVectors; ++j) sum.x[j] = plus(sum.x[j], vector_at(delta.data + p * delta.stride, j));
  }
  if (post.weight != nullptr) {
    const NormFactors by = sum.factors(shape, parts + 2 * kRowWarps);
    const NormVectors<kVectors> post_weights(post, shape);
#pragma unroll
    for (int j = 0; j < kVectors; ++j) {
      if (mine.at(j) < shape.hidden) sum.x[j] = by.apply(sum.x[j], post_weights.weight[j], post_weights.bias[j]);
    }
  }
#pragma unroll
  for (int j = 0; j < kVectors; ++j) {
    mine.x[j] = plus(mine.x[j], sum.x[j]);
    if (keeps_sum && mine.at(j) < shape.hidden_stride) {
      *reinterpret_cast<float4*>(x + from + mine.at(j)) = mine.x[j];
    }
  }
  store_normed(mine, weights, shape, parts, static_cast<T*>(y.data) + static_cast<std::int64_t>(to) * y.stride,
               y.stride);
}

// ---- attention ----

constexpr int kNewestThreads = 128;
constexpr int kNewestWarps = kNewestThreads / kWarp;

/// As read_head, of the sum of `parts` that are `part_stride` apart.
__device__ __forceinline__ HeadLanes read_parts(const float* from, int head_dim, int parts, std::int64_t part_stride) {
  const int lane = static_cast<int>(threadIdx.x) % kWarp;
  const int half = head_dim / 2;
  HeadLanes head;
#pragma unroll
  for (int i = 0; i < HeadLanes::kMost; ++i) {
    const int j = lane + i * kWarp;
    head.low[i] = head.high[i] = 0;
    if (i * kWarp >= head_dim - half) continue;  // for all lanes
#pragma unroll 4
    for (int p = 0; p < parts; ++p) {
      const float* part = from + p * part_stride;
      if (j < half) head.low[i] += __ldcg(part + j);
      if (j < head_dim - half) head.high[i] += __ldcg(part + half + j);
    }
  }
  return head;
}

/// Has the keys and values of a slot's newest positions brought to L2.
template <typename T>
__device__ __forceinline__ void prefetch_cache(const Shape& shape, const KvCache& cache, const LayerWeights& layer,
                                               int layer_index, int slot, int kv_head, int position) {
  constexpr int kMostBytes = 32 << 10;  // for long contexts, all blocks together would ask for more than L2 holds
  const int per_position = shape.head_stride * static_cast<int>(sizeof(T));
  const int n = min(layer.window > 0 ? min(position, layer.window) : position, kMostBytes / per_position);
  if (n <= 0) return;
  for (int part = 0; part < 2; ++part) {
    const T* from = static_cast<const T*>(cache.data) + cache.place(shape, slot, layer_index, part, kv_head) +
                    static_cast<std::int64_t>(position - n) * shape.head_stride;
    prefetch_bulk(from, n * per_position);
  }
}

/// A block takes some heads of a row that share keys. It makes their queries, the row's key and its value, attends, and
/// where it has the first of the heads, writes key and value to the cache.
template <typename T, int kHeads>
__global__ void __launch_bounds__(kNewestThreads, kHeads == 1 ? 6 : (kHeads == 2 ? 5 : 4))
    attend_newest_row(ModelData model, KvCache cache, LayerWeights layer, int layer_index, RowList rows, QkvParts qkv,
                      RowsOf out, int heads_per_item) {
  extern __shared__ float shared[];
  const Shape& shape = model.shape;
  const auto row = static_cast<int>(blockIdx.y);
  const int group = shape.n_heads / shape.n_kv_heads;
  const int n_chunks = (group + heads_per_item - 1) / heads_per_item;
  const int kv_head = static_cast<int>(blockIdx.x) / n_chunks;
  const int in_group = static_cast<int>(blockIdx.x) % n_chunks * heads_per_item;
  const int first_head = kv_head * group + in_group;
  const int n_heads = min(heads_per_item, group - in_group);
  const int stride = shape.head_stride;
  const int size = shape.head_dim;
  const int warp = static_cast<int>(threadIdx.x) / kWarp;
  const int lane = static_cast<int>(threadIdx.x) % kWarp;
  float* query = shared;
  float* key = query + kHeads * stride;
  float* value = key + stride;
  float* parts = value + stride;
  // The next kernel begins when all blocks of this one are past the wait, so when everything in front of this one has
  // ended. So from the second layer on, the lists of the pass are complete here.
  if (layer_index != 0 && in_group == 0 && threadIdx.x == 0) {
    prefetch_cache<T>(model.shape, cache, layer, layer_index, __ldcg(rows.slots + row), kv_head,
                      __ldcg(rows.positions + row));
  }
  wait_for_predecessors();
  let_successor_begin();
  const int position = rows.positions[row];
  const int slot = rows.slots[row];
  T* keys = static_cast<T*>(cache.data) + cache.place(shape, slot, layer_index, 0, kv_head);
  T* values = static_cast<T*>(cache.data) + cache.place(shape, slot, layer_index, 1, kv_head);
  const int begin = layer.window > 0 ? max(0, position + 1 - layer.window) : 0;
  const AttendRange<T> range{keys, values, key, value, begin, position, stride, shape.attention_cap};

  const float* from = static_cast<const float*>(qkv.rows.data) + static_cast<std::int64_t>(row) * qkv.rows.stride;
  // Items are the queries, the key and the value. A warp takes up to two of them, whose loads are under way together.
  const auto head_of = [&](int item) {
    return item < kHeads ? first_head + item : shape.n_heads + kv_head + (item > kHeads ? shape.n_kv_heads : 0);
  };
  const auto is_there = [&](int item) { return item < n_heads || (item >= kHeads && item < kHeads + 2); };
  const auto read = [&](int item) {
    return is_there(item) ? read_parts(from + head_of(item) * size, size, qkv.parts, qkv.part_stride) : HeadLanes{};
  };
  const auto write = [&](int item, const HeadLanes& head) {
    if (item >= kHeads + 2) return;
    float* to = shared + item * stride;
    for (int i = lane; i < stride; i += kWarp) {
      if (i >= size || !is_there(item)) to[i] = 0;
    }
    if (!is_there(item)) return;
    const bool is_query = item < kHeads;
    const bool is_value = item == kHeads + 1;
    const float* weight = is_value ? nullptr : (is_query ? layer.q_norm : layer.k_norm);
    const float2* rotation = nullptr;
    if (layer.rotary_table >= 0 && !is_value) {
      rotation =
          cache.rotation + (static_cast<std::int64_t>(layer.rotary_table) * cache.max_tokens + position) * (size / 2);
    }
    write_head(head, size, weight, shape.epsilon, rotation, is_query ? layer.attention_scale : 1.0F,
               [to](int i, float x) { to[i] = as_float(as_value<T>(x)); });
  };
  attend_range<T, kHeads, kHeads <= 2>(range, query, lanes_of(stride), warp, kNewestWarps, parts, [&] {
    const HeadLanes head = read(warp);
    const HeadLanes other = read(warp + kNewestWarps);
    write(warp, head);
    write(warp + kNewestWarps, other);
    __syncthreads();
  });
  __syncthreads();
  T* to = static_cast<T*>(out.data) + static_cast<std::int64_t>(row) * out.stride + first_head * size;
  for (int i = static_cast<int>(threadIdx.x); i < n_heads * size; i += kNewestThreads) {
    float most = 0;
    float sum = 0;
    const float merged = merge_head(parts, kHeads, i / size, stride, kNewestWarps, i % size, most, sum);
    to[i] = as_value<T>(merged / sum);
  }
  if (in_group != 0) return;
  for (int i = static_cast<int>(threadIdx.x); i < stride; i += kNewestThreads) {
    keys[static_cast<std::int64_t>(position) * stride + i] = as_value<T>(key[i]);
    values[static_cast<std::int64_t>(position) * stride + i] = as_value<T>(value[i]);
  }
}

/// Calls use<T, kVectors>() with the type of 16-bit values and the vectors that a row of the model needs.
template <typename Use>
void with_row_type(const ModelData& model, Use use) {
  const auto by_size = [&]<typename T>() {
    const std::int32_t vectors = (model.shape.hidden_stride + kRowVector - 1) / kRowVector;
    switch (vectors) {
      case 1:
        return use.template operator()<T, 1>();
      case 2:
        return use.template operator()<T, 2>();
      default:
        return use.template operator()<T, kMostFusedHidden / kRowVector>();
    }
  };
  if (model.values == Format::kF16) {
    by_size.template operator()<__half>();
  } else {
    by_size.template operator()<__nv_bfloat16>();
  }
}

}  // namespace

void begin_rows(const ModelData& model, const std::int32_t* host_lists, std::size_t n_list, const RowList& rows,
                const NormWeights& norm, float* x, RowsOf y, cudaStream_t stream) {
  const HostLists host{host_lists, static_cast<int>(n_list)};
  with_row_type(model, [&]<typename T, int kVectors>() {
    launch_early("embedding tokens", embed_and_norm<T, kVectors>, dim3(static_cast<unsigned>(rows.n_rows)), kRowThreads,
                 0, stream, model, host, rows, norm, x, y);
  });
}

void add_and_norm_rows(const ModelData& model, const DeltaParts& delta, const NormWeights& post,
                       const NormWeights& norm, const std::int32_t* pick, float* x, RowsOf y, std::int32_t n,
                       cudaStream_t stream) {
  with_row_type(model, [&]<typename T, int kVectors>() {
    launch_early("a norm", add_and_norm<T, kVectors>, dim3(static_cast<unsigned>(n)), kRowThreads, 0, stream,
                 model.shape, delta, post, norm, pick, x, y);
  });
}

void attend_newest(const ModelData& model, const KvCache& cache, const LayerWeights& layer, std::int32_t layer_index,
                   const RowList& rows, const QkvParts& qkv, RowsOf out, cudaStream_t stream) {
  const Shape& shape = model.shape;
  const int group = shape.n_heads / shape.n_kv_heads;
  const int n_chunks = (group + kBlockHeads - 1) / kBlockHeads;
  const int per_item = (group + n_chunks - 1) / n_chunks;
  const dim3 grid(static_cast<unsigned>(shape.n_kv_heads * n_chunks), static_cast<unsigned>(rows.n_rows));
  const auto launch = [&]<typename T, int kHeads>() {
    const auto bytes =
        static_cast<std::size_t>((kHeads + 2) * shape.head_stride + kNewestWarps * kHeads * (shape.head_stride + 2)) *
        sizeof(float);
    launch_early("attention", attend_newest_row<T, kHeads>, grid, kNewestThreads, bytes, stream, model, cache, layer,
                 layer_index, rows, qkv, out, per_item);
  };
  const auto by_heads = [&]<typename T>() {
    switch (per_item) {
      case 1:
        return launch.template operator()<T, 1>();
      case 2:
        return launch.template operator()<T, 2>();
      case 3:
        return launch.template operator()<T, 3>();
      default:
        return launch.template operator()<T, kBlockHeads>();
    }
  };
  if (model.values == Format::kF16) {
    by_heads.template operator()<__half>();
  } else {
    by_heads.template operator()<__nv_bfloat16>();
  }
}

}  // namespace inferbench::cuda_backend
