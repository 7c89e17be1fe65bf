// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include "attention_block.cuh"
#include "cuda_call.hpp"
#include "kernel_math.cuh"
#include "launch.cuh"
#include "rows.hpp"
#include "value_type.hpp"

namespace inferbench::cuda_backend {
namespace {

constexpr int kThreads = 256;
constexpr int kWarps = kThreads / kWarp;

unsigned blocks_of(std::int64_t items, int per_block) {
  return static_cast<unsigned>((items + per_block - 1) / per_block);
}

/// Sum over the block; all threads get it.
__device__ float block_sum(float x) {
  __shared__ float parts[kWarps];
  x = warp_sum(x);
  __syncthreads();
  if (threadIdx.x % kWarp == 0) parts[threadIdx.x / kWarp] = x;
  __syncthreads();
  float sum = 0;
  for (int w = 0; w < kWarps; ++w) sum += parts[w];
  return sum;
}

template <typename T>
__global__ void embed(ModelData model, RowList rows, float* x) {
  const int row = static_cast<int>(blockIdx.x);
  const Shape& shape = model.shape;
  const T* token = static_cast<const T*>(model.token_embedding) +
                   static_cast<std::int64_t>(rows.tokens[row]) * model.embedding_stride;
  const T* position = nullptr;
  if (shape.learned_positions != 0) {
    position = static_cast<const T*>(model.position_embedding) +
               static_cast<std::int64_t>(rows.positions[row]) * model.embedding_stride;
  }
  for (int i = static_cast<int>(threadIdx.x); i < shape.hidden; i += kThreads) {
    float value = as_float(token[i]) * shape.embedding_scale;
    if (position != nullptr) value += as_float(position[i]);
    x[static_cast<std::int64_t>(row) * shape.hidden_stride + i] = value;
  }
}

struct RowMoments {
  float mean;
  float scale;
};

__device__ RowMoments row_moments(const Shape& shape, const float* x) {
  float mean = 0;
  if (shape.norm == IB_NORM_LAYER) {
    float sum = 0;
    for (int i = static_cast<int>(threadIdx.x); i < shape.hidden; i += kThreads) sum += x[i];
    mean = block_sum(sum) / static_cast<float>(shape.hidden);
  }
  float squares = 0;
  for (int i = static_cast<int>(threadIdx.x); i < shape.hidden; i += kThreads) squares += (x[i] - mean) * (x[i] - mean);
  return {mean, rsqrtf(block_sum(squares) / static_cast<float>(shape.hidden) + shape.epsilon)};
}

__device__ float normed_value(const NormWeights& norm, RowMoments moments, float x, int i) {
  const float y = (x - moments.mean) * moments.scale * norm.weight[i];
  return norm.bias != nullptr ? y + norm.bias[i] : y;
}

template <typename T>
__global__ void norm(Shape shape, NormWeights weights, const float* x, const std::int32_t* pick, RowsOf y) {
  const int row = static_cast<int>(blockIdx.x);
  const float* from = x + static_cast<std::int64_t>(pick != nullptr ? pick[row] : row) * shape.hidden_stride;
  const RowMoments moments = row_moments(shape, from);
  T* to = static_cast<T*>(y.data) + static_cast<std::int64_t>(row) * y.stride;
  for (int i = static_cast<int>(threadIdx.x); i < y.stride; i += kThreads) {
    to[i] = as_value<T>(i < shape.hidden ? normed_value(weights, moments, from[i], i) : 0.0F);
  }
}

__global__ void add_normed(Shape shape, NormWeights weights, const float* delta, float* x) {
  const std::int64_t at = static_cast<std::int64_t>(blockIdx.x) * shape.hidden_stride;
  const RowMoments moments = row_moments(shape, delta + at);
  for (int i = static_cast<int>(threadIdx.x); i < shape.hidden; i += kThreads) {
    x[at + i] += normed_value(weights, moments, delta[at + i], i);
  }
}

/// A block takes some heads of a row that share keys.
template <typename T, typename Cached, int kHeads>
__global__ void attend_one(ModelData model, KvCache cache, LayerWeights layer, int layer_index, RowList rows,
                           const T* query, RowsOf out, int heads_per_item) {
  extern __shared__ float shared[];
  let_successor_begin();
  wait_for_predecessors();
  const Shape& shape = model.shape;
  const int row = rows.single_rows[blockIdx.y];
  const int group = shape.n_heads / shape.n_kv_heads;
  const int n_chunks = (group + heads_per_item - 1) / heads_per_item;
  const int kv_head = static_cast<int>(blockIdx.x) / n_chunks;
  const int in_group = static_cast<int>(blockIdx.x) % n_chunks * heads_per_item;
  const int first_head = kv_head * group + in_group;
  const int n_heads = min(heads_per_item, group - in_group);
  const int stride = shape.head_stride;
  float* q = shared;
  float* parts = shared + kBlockHeads * stride;
  for (int i = static_cast<int>(threadIdx.x); i < kHeads * stride; i += kThreads) {
    const std::int64_t at = (static_cast<std::int64_t>(row) * shape.n_heads + first_head) * stride + i;
    q[i] = i < n_heads * stride ? as_float(query[at]) : 0.0F;
  }
  __syncthreads();
  const int position = rows.positions[row];
  const int begin = layer.window > 0 ? max(0, position + 1 - layer.window) : 0;
  const int slot = rows.slots[row];
  const Cached* data = static_cast<const Cached*>(cache.data);
  AttendRange<Cached> range{data + cache.place(shape, slot, layer_index, 0, kv_head),
                            data + cache.place(shape, slot, layer_index, 1, kv_head),
                            nullptr,
                            nullptr,
                            begin,
                            position + 1,
                            stride,
                            shape.attention_cap};
  if constexpr (kIsCode<Cached>) {
    range.key_scales = cache.scales + cache.scale_place(shape, slot, layer_index, 0, kv_head);
    range.value_scales = range.key_scales + cache.scales_half_stride(shape);
  }
  attend_range<Cached, kHeads>(range, q, lanes_of(stride), static_cast<int>(threadIdx.x) / kWarp, kWarps, parts, [] {});
  __syncthreads();
  T* to = static_cast<T*>(out.data) + static_cast<std::int64_t>(row) * out.stride + first_head * shape.head_dim;
  for (int i = static_cast<int>(threadIdx.x); i < n_heads * shape.head_dim; i += kThreads) {
    float most = 0;
    float sum = 0;
    const float value = merge_head(parts, kHeads, i / shape.head_dim, stride, kWarps, i % shape.head_dim, most, sum);
    to[i] = as_value<T>(value / sum);
  }
}

// A thread takes 8 values. What lies behind the last one of a row becomes zero: it may be of an earlier pass.
template <typename T, typename From>
__global__ void activate(Shape shape, RowsOf up, RowsOf mlp) {
  let_successor_begin();
  wait_for_predecessors();
  const int i = (static_cast<int>(blockIdx.x) * kThreads + static_cast<int>(threadIdx.x)) * 8;
  if (i >= shape.intermediate) return;
  const From* from = static_cast<const From*>(up.data) + static_cast<std::int64_t>(blockIdx.y) * up.stride;
  float values[8];
  load8(from + (shape.gated != 0 ? gated_row(i, 0) : i), values);
#pragma unroll
  for (int j = 0; j < 8; ++j) values[j] = activated(shape.activation, values[j]);
  if (shape.gated != 0) {
    float factors[8];
    load8(from + gated_row(i, 1), factors);
#pragma unroll
    for (int j = 0; j < 8; ++j) values[j] *= factors[j];
  } else {
#pragma unroll
    for (int j = 0; j < 8; ++j) values[j] = i + j < shape.intermediate ? values[j] : 0.0F;
  }
  store8(static_cast<T*>(mlp.data) + static_cast<std::int64_t>(blockIdx.y) * mlp.stride + i, values);
}

// Some blocks for each row; the last one to finish hands on the id.
__global__ void __launch_bounds__(kThreads)
    finish(float* logits, int stride, int vocab, float cap, std::int32_t* ids, ArgmaxWork work) {
  let_successor_begin();
  wait_for_predecessors();
  float* row = logits + static_cast<std::int64_t>(blockIdx.y) * stride;
  unsigned long long best = 0;
#pragma unroll 4
  for (int i = static_cast<int>(blockIdx.x * kThreads + threadIdx.x); i < vocab;
       i += static_cast<int>(gridDim.x) * kThreads) {
    const float value = soft_cap(row[i], cap);
    if (cap != 0) row[i] = value;
    best = max(best, argmax_key(value, static_cast<std::uint32_t>(i)));
  }
  if (ids == nullptr) return;
  __shared__ unsigned long long keys[kWarps];
  for (int offset = kWarp / 2; offset > 0; offset /= 2) best = max(best, __shfl_xor_sync(kAllLanes, best, offset));
  if (threadIdx.x % kWarp == 0) keys[threadIdx.x / kWarp] = best;
  __syncthreads();
  if (threadIdx.x != 0) return;
  for (int w = 0; w < kWarps; ++w) best = max(best, keys[w]);
  atomicMax(work.best + blockIdx.y, best);
  __threadfence();
  if (atomicAdd(work.finished + blockIdx.y, 1U) != gridDim.x - 1) return;
  __threadfence();
  ids[blockIdx.y] = argmax_index(atomicExch(work.best + blockIdx.y, 0ULL));
  work.finished[blockIdx.y] = 0;
}

// In double: with positions up to 131072, a product in fp32 would be wrong by hundredths of a radian.
__global__ void rotation_table(float2* rotation, const double* frequencies, const double* scales, int max_tokens,
                               int half) {
  const std::int64_t i = static_cast<std::int64_t>(blockIdx.x) * kThreads + threadIdx.x;
  const int table = static_cast<int>(blockIdx.y);
  if (i >= static_cast<std::int64_t>(max_tokens) * half) return;
  double sine = 0;
  double cosine = 0;
  sincos(static_cast<double>(i / half) * frequencies[table * half + i % half], &sine, &cosine);
  rotation[static_cast<std::int64_t>(table) * max_tokens * half + i] =
      make_float2(static_cast<float>(cosine * scales[table]), static_cast<float>(sine * scales[table]));
}

}  // namespace

void embed_rows(const ModelData& model, const RowList& rows, float* x, cudaStream_t stream) {
  with_value_type(model.values, [&]<typename T>() {
    embed<T><<<static_cast<unsigned>(rows.n_rows), kThreads, 0, stream>>>(model, rows, x);
  });
  check_launch("embedding tokens");
}

void norm_rows(const ModelData& model, const NormWeights& weights, const float* x, const std::int32_t* pick, RowsOf y,
               std::int32_t n, cudaStream_t stream) {
  with_value_type(model.values, [&]<typename T>() {
    norm<T><<<static_cast<unsigned>(n), kThreads, 0, stream>>>(model.shape, weights, x, pick, y);
  });
  check_launch("a norm");
}

void add_normed_rows(const ModelData& model, const NormWeights& weights, const float* delta, float* x, std::int32_t n,
                     cudaStream_t stream) {
  add_normed<<<static_cast<unsigned>(n), kThreads, 0, stream>>>(model.shape, weights, delta, x);
  check_launch("a post norm");
}

void attend_rows(const ModelData& model, const KvCache& cache, const LayerWeights& layer, std::int32_t layer_index,
                 const RowList& rows, const void* query, RowsOf out, cudaStream_t stream) {
  if (rows.n_single == 0) return;
  const Shape& shape = model.shape;
  const int group = shape.n_heads / shape.n_kv_heads;
  const int n_chunks = (group + kBlockHeads - 1) / kBlockHeads;
  const int per_item = (group + n_chunks - 1) / n_chunks;
  const dim3 grid(static_cast<unsigned>(shape.n_kv_heads * n_chunks), static_cast<unsigned>(rows.n_single));
  const auto bytes =
      static_cast<std::size_t>(kBlockHeads * shape.head_stride + attend_floats(kWarps, shape.head_stride)) *
      sizeof(float);
  with_cache_type(model.values, cache.scales != nullptr, [&]<typename T, typename Cached>() {
    const auto launch = [&](auto kernel) {
      launch_early("attention", kernel, grid, kThreads, bytes, stream, model, cache, layer, layer_index, rows,
                   static_cast<const T*>(query), out, per_item);
    };
    switch (per_item) {
      case 1:
        return launch(attend_one<T, Cached, 1>);
      case 2:
        return launch(attend_one<T, Cached, 2>);
      case 3:
        return launch(attend_one<T, Cached, 3>);
      default:
        return launch(attend_one<T, Cached, 4>);
    }
  });
}

void activate_rows(const ModelData& model, RowsOf up, RowsOf mlp, std::int32_t n, cudaStream_t stream) {
  const dim3 grid(blocks_of(model.shape.intermediate, 8 * kThreads), static_cast<unsigned>(n));
  with_value_type(model.values, [&]<typename T>() {
    const auto launch = [&](auto kernel) {
      launch_early("the activation", kernel, grid, kThreads, 0, stream, model.shape, up, mlp);
    };
    up.is_float ? launch(activate<T, float>) : launch(activate<T, T>);
  });
}

void finish_logits(const ModelData& model, float* logits, std::int32_t stride, std::int32_t n, std::int32_t* ids,
                   const ArgmaxWork& work, cudaStream_t stream) {
  if (ids == nullptr && model.shape.logit_cap == 0) return;
  const unsigned per_row = std::min(64U, blocks_of(model.shape.vocab, 4 * kThreads));
  launch_early("finishing logits", finish, dim3(per_row, static_cast<unsigned>(n)), kThreads, 0, stream, logits, stride,
               model.shape.vocab, model.shape.logit_cap, ids, work);
}

void fill_rotation(float2* rotation, const double* frequencies, const double* scales, std::int32_t n_tables,
                   std::int32_t max_tokens, std::int32_t half, cudaStream_t stream) {
  const dim3 grid(blocks_of(static_cast<std::int64_t>(max_tokens) * half, kThreads), static_cast<unsigned>(n_tables));
  rotation_table<<<grid, kThreads, 0, stream>>>(rotation, frequencies, scales, max_tokens, half);
  check_launch("the rotary tables");
}

}  // namespace inferbench::cuda_backend
