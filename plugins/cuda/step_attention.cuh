// SPDX-License-Identifier: Apache-2.0
//
// Attention of a step: each item is a row, some heads that share keys, and a part of the positions.
#pragma once

#include "attention_block.cuh"
#include "cache_codes.cuh"
#include "step.hpp"
#include "step_exchange.cuh"
#include "step_norm.cuh"
#include "step_ring.cuh"

namespace inferbench::cuda_backend {

/// An item, with all that is the same in every layer.
template <typename Cached>
struct AttentionItem {
  int index = -1;
  int row;
  int kv_head;
  int first_head;  // of the query
  int n_heads;
  int position;
  bool is_first_chunk;  // of the heads that share this key-value head
  int split;
  int begin;      // the first of the split's positions, where no window leaves some out
  int per_split;  // and how many they are, the last split may have fewer
  int lanes;      // see attend_range
  Cached* keys;   // of layer 0: rows of head_stride
  float* scales;  // of these keys, if they are codes
  int out;        // words from exchange.attended to the first head's values

  __device__ void set(int item, const StepArguments& a) {
    const Shape& shape = a.model.shape;
    const int group = shape.n_heads / shape.n_kv_heads;
    index = item;
    split = item % a.n_splits;
    item /= a.n_splits;
    const int chunk = item % a.plan.chunks_per_group;
    item /= a.plan.chunks_per_group;
    kv_head = item % shape.n_kv_heads;
    row = item / shape.n_kv_heads;
    first_head = kv_head * group + chunk * a.plan.heads_per_item;
    n_heads = min(a.plan.heads_per_item, group - chunk * a.plan.heads_per_item);
    is_first_chunk = chunk == 0;
    position = a.rows[row].position;
    per_split = (position + a.n_splits) / a.n_splits;
    begin = split * per_split;
    lanes = lanes_of(shape.head_stride);
    keys = static_cast<Cached*>(a.cache.data) + a.cache.place(shape, a.rows[row].slot, 0, 0, kv_head);
    if constexpr (kIsCode<Cached>)
      scales = a.cache.scales + a.cache.scale_place(shape, a.rows[row].slot, 0, 0, kv_head);
    out = ((row * shape.n_heads + first_head) * a.n_splits + split) * (shape.head_stride + kSplitPad);
  }
};

/// Work space of an item of kHeads query heads in shared memory; see attention_bytes in step_plan.cpp.
template <int kHeads>
struct ItemSpace {
  float* query;  // [kHeads][head_stride]
  float* key;    // [head_stride]
  float* value;  // the same
  float* parts;

  __device__ ItemSpace(float* shared, int head_stride)
      : query(shared), key(query + kHeads * head_stride), value(key + head_stride), parts(value + head_stride) {}
};

/// The head's values, once they are there.
__device__ __forceinline__ HeadLanes await_head(const float* from, int head_dim) {
  const int lane = threadIdx.x % kWarp;
  const int half = head_dim / 2;
  HeadLanes head;
#pragma unroll
  for (int i = 0; i < HeadLanes::kMost; ++i) {
    head.low[i] = head.high[i] = 0;
    if (i * kWarp >= head_dim - half) continue;  // for all lanes
    const int j = lane + i * kWarp;
    std::uint32_t low = 0;
    std::uint32_t high = 0;
    do {
      if (j < half) low = load_word(from + j);
      if (j < head_dim - half) high = load_word(from + half + j);
    } while (low == kAbsent || high == kAbsent);
    __syncwarp();
    head.low[i] = __uint_as_float(low);
    head.high[i] = __uint_as_float(high);
  }
  return head;
}

/// Where the codes of an item's new key or value go in the cache. Null: they are not to be written.
struct NewCodes {
  std::int8_t* codes;
  float* scale;
};

/// Of a head of `size` values, which a warp has: its codes, to the cache, and in `head` what they stand for.
__device__ __forceinline__ void encode_head(float* head, int size, const HeadMagnitude& magnitude, const NewCodes& to) {
  const int lane = threadIdx.x % kWarp;
  const float scale = magnitude.scale();
  __syncwarp();
#pragma unroll 1
  for (int i = lane; i < size; i += kWarp) {
    const std::int8_t code = head_code(head[i], scale);
    head[i] = scale * static_cast<float>(code);
    if (to.codes != nullptr) to.codes[i] = code;
  }
  if (lane == 0 && to.codes != nullptr) *to.scale = scale;
}

/// The item's queries, scaled and rotated, and the step's own key and value as the cache will hold them. Waits for
/// them. `new_codes`: called with 0 for the key, 1 for the value, only where the cache has codes.
template <typename T, typename Cached, int kHeads, typename Codes>
__device__ __forceinline__ void load_item(const StepArguments& a, const LayerWeights& layer,
                                          const AttentionItem<Cached>& item, const ItemSpace<kHeads>& space,
                                          const float* qkv, int warp, Codes new_codes) {
  const Shape& shape = a.model.shape;
  const int lane = threadIdx.x % kWarp;
  const int size = shape.head_dim;
  // Each of the first warps takes a query; the next ones take the key and the value.
  const bool is_query = warp < kHeads;
  const bool is_value = warp == kHeads + 1;
  if (warp > kHeads + 1) return;
  float* to = is_query ? space.query + warp * shape.head_stride : (is_value ? space.value : space.key);
#pragma unroll 1
  for (int i = size + lane; i < shape.head_stride; i += kWarp) to[i] = 0;
  if (is_query && warp >= item.n_heads) {
#pragma unroll 1
    for (int i = lane; i < size; i += kWarp) to[i] = 0;
    return;
  }
  const int head = is_query ? item.first_head + warp : shape.n_heads + item.kv_head + (is_value ? shape.n_kv_heads : 0);
  const float* weight = is_value ? nullptr : (is_query ? layer.q_norm : layer.k_norm);
  const float2* rotation = nullptr;
  if (layer.rotary_table >= 0 && !is_value) {
    rotation = a.cache.rotation +
               (static_cast<std::int64_t>(layer.rotary_table) * a.cache.max_tokens + item.position) * (size / 2);
    if (lane * 16 < size / 2) asm volatile("prefetch.global.L1 [%0];" ::"l"(rotation + lane * 16));
  }
  const HeadLanes lanes = await_head(qkv + item.row * shape.qkv_stride + head * size, size);
  const float scale = is_query ? layer.attention_scale : 1.0F;
  if constexpr (kIsCode<Cached>) {
    HeadMagnitude magnitude;
    write_head(lanes, size, weight, shape.epsilon, rotation, scale, [&](int i, float x) {
      magnitude.add(x);
      to[i] = is_query ? as_float(as_value<T>(x)) : x;
    });
    if (!is_query) encode_head(to, size, magnitude, new_codes(is_value ? 1 : 0));
  } else {
    write_head(lanes, size, weight, shape.epsilon, rotation, scale,
               [&](int i, float x) { to[i] = as_float(as_value<T>(x)); });
  }
}

/// Whether attention hands on its result in 16 bits, not parts that are to be added up.
__device__ __forceinline__ bool hands_on_values(const StepArguments& a) {
  return a.n_splits == 1 && a.model.shape.head_dim % 8 == 0;
}

template <typename T, typename Cached, int kHeads>
__device__ __forceinline__ void attend_item(const StepArguments& a, const LayerWeights& layer, int layer_index,
                                            const AttentionItem<Cached>& item, float* shared, std::uint32_t* exchange,
                                            int warp) {
  const Shape& shape = a.model.shape;
  const ItemSpace<kHeads> space(shared, shape.head_stride);
  int begin = item.begin;
  int end = begin + item.per_split;
  if (layer.window > 0 && layer.window <= item.position) {
    const int start = item.position + 1 - layer.window;
    const int per_split = (layer.window + a.n_splits - 1) / a.n_splits;
    begin = start + item.split * per_split;
    end = begin + per_split;
  }
  end = min(end, item.position + 1);
  const bool has_new = begin <= item.position && end == item.position + 1;
  const bool writes = has_new && item.is_first_chunk;
  const std::int64_t new_at = static_cast<std::int64_t>(item.position) * shape.head_stride;
  Cached* keys = item.keys + layer_index * (2 * a.cache.half_stride(shape));
  Cached* values = keys + a.cache.half_stride(shape);
  AttendRange<Cached> range{keys,
                            values,
                            has_new ? space.key : nullptr,
                            space.value,
                            begin,
                            has_new ? item.position : max(begin, end),
                            shape.head_stride,
                            shape.attention_cap};
  float* scales = nullptr;
  if constexpr (kIsCode<Cached>) {
    scales = item.scales + layer_index * (2 * a.cache.scales_half_stride(shape));
    range.key_scales = scales;
    range.value_scales = scales + a.cache.scales_half_stride(shape);
  }
  const auto new_codes = [&](int part) {
    if (!writes) return NewCodes{};
    return NewCodes{reinterpret_cast<std::int8_t*>(part == 0 ? keys : values) + new_at,
                    scales + part * a.cache.scales_half_stride(shape) + item.position};
  };
  attend_range<Cached, kHeads>(range, space.query, item.lanes, warp, kStepWarps, space.parts, [&] {
    load_item<T>(a, layer, item, space, reinterpret_cast<const float*>(exchange + a.exchange.qkv), warp, new_codes);
    sync_consumers();
  });
  sync_consumers();
  const int stride = shape.head_stride + kSplitPad;
  float* out = reinterpret_cast<float*>(exchange + a.exchange.attended) + item.out;
  const bool is_final = hands_on_values(a);
  T* final_out = reinterpret_cast<T*>(exchange + a.exchange.attended) + item.row * shape.query_stride +
                 item.first_head * shape.head_dim;
  // All threads make the same rounds, since neighbours exchange values.
#pragma unroll 1
  for (int begin = 0; begin < item.n_heads * shape.head_stride; begin += kStepWarps * kWarp) {
    int j = begin + static_cast<int>(threadIdx.x);
    int h = 0;
#pragma unroll 1
    while (j >= shape.head_stride && h < item.n_heads) j -= shape.head_stride, ++h;
    __syncwarp();
    const bool has_value = h < item.n_heads;
    float most = 0;
    float sum = 1;
    float value = 0;
    if (has_value) value = merge_head(space.parts, kHeads, h, shape.head_stride, kStepWarps, j, most, sum);
    if (is_final) {
      value = __fdividef(value, sum);
      const float next = __shfl_down_sync(kAllLanes, value, 1);
      if (has_value && j % 2 == 0 && j < shape.head_dim) publish_pair(final_out + h * shape.head_dim + j, value, next);
    } else if (has_value) {
      float* to = out + h * a.n_splits * stride;
      publish(to + j, value);
      if (j < kSplitPad) publish(to + shape.head_stride + j, j == 0 ? most : (j == 1 ? sum : 0.0F));
    }
  }
  if constexpr (!kIsCode<Cached>) {  // codes are there already
    if (!writes) return;
#pragma unroll 1
    for (int i = static_cast<int>(threadIdx.x); i < shape.head_stride; i += kStepWarps * kWarp) {
      keys[new_at + i] = as_value<T>(space.key[i]);
      values[new_at + i] = as_value<T>(space.value[i]);
    }
  }
}

/// All of this block's items of a layer. `item`: the last one that was computed, by which most blocks have no other.
template <typename T, bool kOneRow, typename Cached>
__device__ __forceinline__ void attend(const StepArguments& a, AttentionItem<Cached>& item, const LayerWeights& layer,
                                       int layer_index, float* shared, std::uint32_t* exchange, int warp) {
  const Shape& shape = a.model.shape;
  const int n_items = a.n_rows * shape.n_kv_heads * a.plan.chunks_per_group * a.n_splits;
#pragma unroll 1
  for (int i = static_cast<int>(blockIdx.x); i < n_items; i += static_cast<int>(gridDim.x)) {
    if (i != item.index) item.set(i, a);
    if (kOneRow || a.plan.heads_per_item == 1) {
      attend_item<T, Cached, 1>(a, layer, layer_index, item, shared, exchange, warp);
    } else {
      attend_item<T, Cached, kStepHeads>(a, layer, layer_index, item, shared, exchange, warp);
    }
    sync_consumers();
  }
}

/// Which vectors of a row's input a thread fetches: warps share the rows evenly.
template <bool kOneRow>
struct InputTurn {
  int row;
  int first;
  int step;

  __device__ InputTurn(int n_rows, int warp) {
    const int shift = kOneRow || n_rows == 1 ? 0 : 32 - __clz(n_rows - 1);
    row = kOneRow ? 0 : warp & ((1 << shift) - 1);
    first = (warp >> shift) * kWarp + static_cast<int>(threadIdx.x) % kWarp;
    step = (kStepWarps >> shift) * kWarp;
  }
};

/// 4 values of a head from its splits. `parts`: of the head, at the values that are meant; `stats`: of the head.
__device__ __forceinline__ float4 merged_splits(const float* parts, const float* stats, int n_splits, int stride) {
  constexpr int kAtOnce = 4;
  float4 value{};
  float most = -INFINITY;
  float sum = 0;
#pragma unroll 1
  for (int begin = 0; begin < n_splits; begin += kAtOnce) {
    uint4 words[2 * kAtOnce];
    await(words, [&](int k) -> const void* {
      const int split = begin + k % kAtOnce;
      return split < n_splits ? (k < kAtOnce ? parts : stats) + split * stride : nullptr;
    });
    float top = most;
#pragma unroll
    for (int k = 0; k < kAtOnce; ++k) {
      if (begin + k < n_splits) top = fmaxf(top, __uint_as_float(words[kAtOnce + k].x));
    }
    const float keep = most == -INFINITY ? 0.0F : __expf(most - top);
    value.x *= keep, value.y *= keep, value.z *= keep, value.w *= keep;
    sum *= keep;
    most = top;
#pragma unroll
    for (int k = 0; k < kAtOnce; ++k) {
      const float score = __uint_as_float(words[kAtOnce + k].x);
      const float weight = begin + k < n_splits && score != -INFINITY ? __expf(score - top) : 0.0F;
      const float4 part = as_floats(words[k]);
      value.x += weight * part.x, value.y += weight * part.y, value.z += weight * part.z, value.w += weight * part.w;
      sum += weight * __uint_as_float(words[kAtOnce + k].y);
    }
  }
  const float factor = __fdividef(1.0F, sum);
  return make_float4(value.x * factor, value.y * factor, value.z * factor, value.w * factor);
}

/// Values i to i + 3 of a row's heads; zeros behind them. `attended`: of the row.
__device__ __forceinline__ float4 attended_values(const StepArguments& a, const float* attended, int i) {
  const Shape& shape = a.model.shape;
  const int size = shape.head_dim;
  const int stride = shape.head_stride + kSplitPad;
  const auto head_of = [&](int k) { return a.plan.head_shift >= 0 ? k >> a.plan.head_shift : k / size; };
  const bool whole = size % 4 == 0;  // else four neighbours may be of two heads
  float4 values{};
#pragma unroll 1
  for (int k = 0; k < (whole ? 1 : 4) && i + k < shape.query_size(); ++k) {
    const int head = head_of(i + k);
    const int in_head = i + k - head * size;
    const float* from = attended + head * a.n_splits * stride;
    const float4 four = merged_splits(from + in_head / 4 * 4, from + shape.head_stride, a.n_splits, stride);
    if (whole) return four;
    const float value = in_head % 4 == 0 ? four.x : in_head % 4 == 1 ? four.y : in_head % 4 == 2 ? four.z : four.w;
    (k == 0 ? values.x : k == 1 ? values.y : k == 2 ? values.z : values.w) = value;
  }
  return values;
}

/// Inputs `first` to first + n - 1 of the product after attention, of all rows: calls write(row, i, values i to i + 3),
/// i from 0. Waits for them.
template <bool kOneRow, typename Write>
__device__ __forceinline__ void load_attended(const StepArguments& a, const std::uint32_t* exchange, int first, int n,
                                              int warp, Write write) {
  const Shape& shape = a.model.shape;
  const InputTurn<kOneRow> turn(a.n_rows, warp);
  if (turn.row >= a.n_rows) return;
  const float* attended = reinterpret_cast<const float*>(exchange + a.exchange.attended) +
                          turn.row * shape.n_heads * a.n_splits * (shape.head_stride + kSplitPad);
#pragma unroll 1
  for (int i = turn.first * 4; i < n; i += turn.step * 4) write(turn.row, i, attended_values(a, attended, first + i));
}

/// The same from rows of 16 bits, `stride` apart, that have `size` values: calls write(row, i, the bits of values i to
/// i + 7, whether they are there). Whole warps call it.
template <typename T, bool kOneRow, typename Write>
__device__ __forceinline__ void load_rows(const StepArguments& a, const T* from, int stride, int size, int first, int n,
                                          int warp, Write write) {
  constexpr int kAtOnce = 4;
  const InputTurn<kOneRow> turn(a.n_rows, warp);
  if (turn.row >= a.n_rows) return;
  from += turn.row * stride + first;
  const int lane = static_cast<int>(threadIdx.x) % kWarp;
#pragma unroll 1
  for (int begin = (turn.first - lane) * 8; begin < n; begin += kAtOnce * turn.step * 8) {
    uint4 words[kAtOnce];
    await(words, [&](int k) -> const void* {
      const int at = begin + (lane + k * turn.step) * 8;
      return at < n && first + at < size ? from + at : nullptr;
    });
#pragma unroll
    for (int k = 0; k < kAtOnce; ++k) {
      if (begin + k * turn.step * 8 >= n) break;  // for all lanes
      const int at = begin + (lane + k * turn.step) * 8;
      write(turn.row, at, words[k], at < n);
    }
  }
}

}  // namespace inferbench::cuda_backend
