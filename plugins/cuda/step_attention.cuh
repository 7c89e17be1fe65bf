// SPDX-License-Identifier: Apache-2.0
//
// Attention of a step: each item is a row, some heads that share keys, and a part of the positions.
#pragma once

#include "attention_block.cuh"
#include "step.hpp"
#include "step_norm.cuh"
#include "step_ring.cuh"

namespace inferbench::cuda_backend {

struct AttentionItem {
  int row;
  int kv_head;
  int first_head;  // of the query
  int n_heads;
  int split;
  bool is_first_chunk;  // of the heads that share this key-value head

  __device__ AttentionItem(int item, const StepArguments& a) {
    const Shape& shape = a.model.shape;
    const int group = shape.n_heads / shape.n_kv_heads;
    split = item % a.n_splits;
    item /= a.n_splits;
    const int chunk = item % a.plan.chunks_per_group;
    item /= a.plan.chunks_per_group;
    kv_head = item % shape.n_kv_heads;
    row = item / shape.n_kv_heads;
    first_head = kv_head * group + chunk * a.plan.heads_per_item;
    n_heads = min(a.plan.heads_per_item, group - chunk * a.plan.heads_per_item);
    is_first_chunk = chunk == 0;
  }
};

/// Work space of an item in shared memory; see attention_bytes in step_plan.cpp.
struct ItemSpace {
  float* query;  // [kBlockHeads][head_stride]
  float* key;    // [head_stride]
  float* value;  // the same
  float* parts;

  __device__ ItemSpace(float* shared, int head_stride)
      : query(shared), key(query + kBlockHeads * head_stride), value(key + head_stride), parts(value + head_stride) {}
};

/// The item's queries, scaled and rotated, and the step's own key and value as the cache will hold them.
template <typename T>
__device__ void load_item(const StepArguments& a, const LayerWeights& layer, const AttentionItem& item,
                          const ItemSpace& space, int warp) {
  const Shape& shape = a.model.shape;
  const int lane = threadIdx.x % kWarp;
  const int size = shape.head_dim;
  const int position = a.rows[item.row].position;
  // Each of the first warps takes a query; the next ones take the key and the value.
  const bool is_query = warp < kBlockHeads;
  const bool is_value = warp == kBlockHeads + 1;
  if (warp > kBlockHeads + 1) return;
  float* to = is_query ? space.query + warp * shape.head_stride : (is_value ? space.value : space.key);
  for (int i = size + lane; i < shape.head_stride; i += kWarp) to[i] = 0;
  if (is_query && warp >= item.n_heads) {
    for (int i = lane; i < size; i += kWarp) to[i] = 0;
    return;
  }
  const int head = is_query ? item.first_head + warp : shape.n_heads + item.kv_head + (is_value ? shape.n_kv_heads : 0);
  const float* weight = is_value ? nullptr : (is_query ? layer.q_norm : layer.k_norm);
  const float2* rotation = nullptr;
  if (layer.rotary_table >= 0 && !is_value) {
    rotation =
        a.cache.rotation + (static_cast<std::int64_t>(layer.rotary_table) * a.cache.max_tokens + position) * (size / 2);
  }
  write_head(a.work.qkv + item.row * shape.qkv_stride + head * size, size, weight, shape.epsilon, rotation,
             is_query ? layer.attention_scale : 1.0F, [&](int i, float x) { to[i] = as_float(as_value<T>(x)); });
}

template <typename T, int kHeads>
__device__ void attend_item(const StepArguments& a, const LayerWeights& layer, int layer_index,
                            const AttentionItem& item, const ItemSpace& space, int warp) {
  const Shape& shape = a.model.shape;
  const StepRow& row = a.rows[item.row];
  const int start = layer.window > 0 ? max(0, row.position + 1 - layer.window) : 0;
  const int n = row.position + 1 - start;
  const int per_split = a.n_splits == 1 ? n : (n + a.n_splits - 1) / a.n_splits;
  const int begin = start + item.split * per_split;
  const int end = min(begin + per_split, row.position + 1);
  const bool has_new = begin <= row.position && end == row.position + 1;
  T* keys = static_cast<T*>(a.cache.data) + a.cache.place(shape, row.slot, layer_index, 0, item.kv_head);
  T* values = static_cast<T*>(a.cache.data) + a.cache.place(shape, row.slot, layer_index, 1, item.kv_head);
  if (has_new && item.is_first_chunk) {
    const std::int64_t at = static_cast<std::int64_t>(row.position) * shape.head_stride;
    for (int i = static_cast<int>(threadIdx.x); i < shape.head_stride; i += kStepWarps * kWarp) {
      keys[at + i] = as_value<T>(space.key[i]);
      values[at + i] = as_value<T>(space.value[i]);
    }
  }
  const AttendRange<T> range{keys,
                             values,
                             has_new ? space.key : nullptr,
                             space.value,
                             begin,
                             has_new ? row.position : max(begin, end),
                             shape.head_stride,
                             shape.attention_cap};
  attend_range<T, kHeads>(range, space.query, lanes_of(shape.head_stride), warp, kStepWarps, space.parts);
  sync_consumers();
  int h = 0;
  int j = static_cast<int>(threadIdx.x);
  while (true) {
    while (j >= shape.head_stride && h < item.n_heads) j -= shape.head_stride, ++h;
    if (h >= item.n_heads) return;
    float most = 0;
    float sum = 0;
    const float value = merge_head(space.parts, kHeads, h, shape.head_stride, kStepWarps, j, most, sum);
    const std::int64_t place =
        (static_cast<std::int64_t>(item.row) * shape.n_heads + item.first_head + h) * a.n_splits + item.split;
    // A single part is the result.
    __stcg(a.work.part_values + place * shape.head_stride + j, a.n_splits == 1 ? value / sum : value);
    if (j == 0 && a.n_splits != 1) __stcg(a.work.part_stats + place, make_float2(most, sum));
    j += kStepWarps * kWarp;
  }
}

/// All of this block's items of a layer. `first`: the block's first one, which is the same in all layers.
template <typename T>
__device__ void attend(const StepArguments& a, const AttentionItem& first, const LayerWeights& layer, int layer_index,
                       float* shared, int warp) {
  const Shape& shape = a.model.shape;
  const ItemSpace space(shared, shape.head_stride);
  const int n_items = a.n_rows * shape.n_kv_heads * a.plan.chunks_per_group * a.n_splits;
  for (int i = static_cast<int>(blockIdx.x); i < n_items; i += static_cast<int>(gridDim.x)) {
    const AttentionItem item = i == static_cast<int>(blockIdx.x) ? first : AttentionItem(i, a);
    load_item<T>(a, layer, item, space, warp);
    sync_consumers();
    if (a.plan.heads_per_item == 1) {
      attend_item<T, 1>(a, layer, layer_index, item, space, warp);
    } else {  // fewer heads count as zeros: a kernel with all numbers would not fit into the instruction cache
      attend_item<T, kBlockHeads>(a, layer, layer_index, item, space, warp);
    }
    sync_consumers();
  }
}

/// Values i to i + 3 of row n, from the parts of its heads.
__device__ __forceinline__ float4 merged_values(const StepArguments& a, const float* weights, int n, int i) {
  const Shape& shape = a.model.shape;
  const int size = shape.head_dim;
  const auto first_part = [&](int k) {
    const int head = a.plan.head_shift >= 0 ? k >> a.plan.head_shift : k / size;
    return static_cast<std::int64_t>(n * shape.n_heads + head) * a.n_splits;
  };
  const auto in_head = [&](int k) { return a.plan.head_shift >= 0 ? k & (size - 1) : k % size; };
  float4 sum{};
  if (size % 4 == 0) {
    if (i >= shape.query_size()) return sum;
    const std::int64_t first = first_part(i);
    const float* part = a.work.part_values + first * shape.head_stride + in_head(i);
#pragma unroll 4
    for (int s = 0; s < a.n_splits; ++s) {
      const float4 value = __ldcg(reinterpret_cast<const float4*>(part + s * shape.head_stride));
      const float weight = a.n_splits == 1 ? 1.0F : weights[first + s];
      sum.x += weight * value.x, sum.y += weight * value.y, sum.z += weight * value.z, sum.w += weight * value.w;
    }
    return sum;
  }
  float values[4] = {};
#pragma unroll 1
  for (int k = 0; k < 4 && i + k < shape.query_size(); ++k) {
    const std::int64_t first = first_part(i + k);
    const float* part = a.work.part_values + first * shape.head_stride + in_head(i + k);
    float value = 0;
#pragma unroll 1
    for (int s = 0; s < a.n_splits; ++s) {
      value += (a.n_splits == 1 ? 1.0F : weights[first + s]) * __ldcg(part + s * shape.head_stride);
    }
    values[k] = value;
  }
  return make_float4(values[0], values[1], values[2], values[3]);
}

/// Adds up the parts of all rows' heads: y [n_rows][stride], zeros behind the heads. `weights`: shared memory,
/// [n_rows][n_heads][n_splits].
template <typename T>
__device__ void merge_attention(const StepArguments& a, T* y, int stride, float* weights, int warp) {
  const Shape& shape = a.model.shape;
  const int lane = threadIdx.x % kWarp;
  for (int head = warp; a.n_splits != 1 && head < a.n_rows * shape.n_heads; head += kStepWarps) {
    float2 stats = make_float2(-INFINITY, 0);
    if (lane < a.n_splits) stats = __ldcg(a.work.part_stats + head * a.n_splits + lane);
    float most = stats.x;
#pragma unroll
    for (int offset = kWarp / 2; offset > 0; offset /= 2) most = fmaxf(most, __shfl_xor_sync(kAllLanes, most, offset));
    const float weight = stats.x == -INFINITY ? 0.0F : __expf(stats.x - most);
    const float sum = warp_sum(weight * stats.y);
    if (lane < a.n_splits) weights[head * a.n_splits + lane] = weight / sum;
  }
  if (a.n_splits != 1) sync_consumers();
  const int vectors = stride / 4;
  for (int index = static_cast<int>(threadIdx.x); index < a.n_rows * vectors; index += kStepWarps * kWarp) {
    const int n = a.n_rows == 1 ? 0 : index / vectors;
    const int i = (index - n * vectors) * 4;
    store4(y + n * (stride + kRowPad) + i, merged_values(a, weights, n, i));
  }
}

}  // namespace inferbench::cuda_backend
