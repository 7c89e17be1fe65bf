// SPDX-License-Identifier: Apache-2.0
//
// Attention of a step of one sequence, for models of a family (see StepFamily): an item is a query head and a part of
// the positions. It is short, because what a layer executes must fit into the instruction cache: a lane needs nothing
// from other lanes until it has its scores, and warps meet once.
#pragma once

#include "step.hpp"
#include "step_exchange.cuh"
#include "step_family.cuh"
#include "step_head_parts.cuh"
#include "step_ring.cuh"

namespace inferbench::cuda_backend {

constexpr float kLog2E = 1.4426950408889634F;
constexpr int kHeadLanes = kSimpleHead / 8;  // that share a position, 8 values each
constexpr int kHeadGroups = kStepWarps * kWarp / kHeadLanes;
constexpr int kHeadParts = kSimpleHead + 4;  // floats of a warp's part, with padding

/// 8 neighbouring words of fp32.
struct EightWords {
  uint4 low;
  uint4 high;

  __device__ __forceinline__ void load(const float* from) {
    low = load_words4(from);
    high = load_words4(from + 4);
  }
  __device__ std::uint32_t greatest_of() const { return max(greatest(low), greatest(high)); }
  __device__ __forceinline__ void values(float (&to)[8]) const {
    const std::uint32_t words[8] = {low.x, low.y, low.z, low.w, high.x, high.y, high.z, high.w};
#pragma unroll
    for (int i = 0; i < 8; ++i) to[i] = __uint_as_float(words[i]);
  }
};

template <typename T>
__device__ __forceinline__ void unpack8(uint4 bits, float (&to)[8]) {
  const T* values = reinterpret_cast<const T*>(&bits);
#pragma unroll
  for (int i = 0; i < 8; ++i) to[i] = as_float(values[i]);
}
template <typename T>
__device__ __forceinline__ uint4 pack8(const float (&x)[8]) {
  return make_uint4(pair_of<T>(x[0], x[1]), pair_of<T>(x[2], x[3]), pair_of<T>(x[4], x[5]), pair_of<T>(x[6], x[7]));
}

/// An item, the same in every layer.
struct HeadTurn {
  int index = -1;
  int head;
  int kv_head;
  int begin;  // the first position
  int n;      // positions, the new one among them
  bool is_first_of_group;

  __device__ void set(int item, const StepArguments& a) {
    const Shape& shape = a.model.shape;
    const StepRow& row = a.rows[0];
    const int kv_group = shape.n_heads / shape.n_kv_heads;
    index = item;
    head = item / a.n_splits;
    kv_head = head / kv_group;
    is_first_of_group = head % kv_group == 0;
    const int per_split = (row.position + a.n_splits) / a.n_splits;
    begin = (item - head * a.n_splits) * per_split;
    n = max(min(per_split, row.position + 1 - begin), 0);
  }
};

/// The same as a lane sees it. The lane takes 8 values of every kHeadGroups-th position.
template <typename T>
struct HeadItem {
  int query_at;  // words from exchange.qkv to the lane's 8 values of the query, the key and the value
  int key_at;
  int value_at;
  int partner;             // words from its values to those with which they are rotated
  int n;                   // positions, the new one among them
  int group;               // the first one is the lane's
  bool has_new;            // the last position is the step's own
  bool has_own;            // its warp has that one
  bool writes;             // it is to be kept in the cache
  T* keys;                 // of layer 0: the lane's values of its first position
  const float2* rotation;  // of table 0 and the lane's values

  __device__ __forceinline__ HeadItem(const HeadTurn& turn, const StepArguments& a) {
    const Shape& shape = a.model.shape;
    const unsigned thread = threadIdx.x;
    const int warp = static_cast<int>(thread / kWarp);
    const int part = static_cast<int>(thread % kHeadLanes);
    const StepRow& row = a.rows[0];
    query_at = turn.head * kSimpleHead + part * 8;
    key_at = (shape.n_heads + turn.kv_head) * kSimpleHead + part * 8;
    value_at = key_at + shape.kv_size();
    partner = part < kHeadLanes / 2 ? kSimpleHead / 2 : -kSimpleHead / 2;
    n = turn.n;
    group = static_cast<int>(thread / kHeadLanes);
    const int last = static_cast<int>(static_cast<unsigned>(n - 1) % kHeadGroups);
    has_new = n > 0 && turn.begin + n == row.position + 1;
    has_own = has_new && last / (kWarp / kHeadLanes) == warp;
    writes = has_own && last == group && turn.is_first_of_group;
    keys = static_cast<T*>(a.cache.data) + a.cache.place(shape, row.slot, 0, 0, turn.kv_head) +
           static_cast<std::int64_t>(turn.begin + group) * kSimpleHead + part * 8;
    rotation = a.cache.rotation + row.position * (kSimpleHead / 2) + part % (kHeadLanes / 2) * 8;
  }
};

/// Turns a lane's values by its position; `sign`: -1 in the first half of a head, 1 in the second.
__device__ __forceinline__ void rotate8(float (&own)[8], const float (&other)[8], const float4 (&turns)[4],
                                        float sign) {
#pragma unroll
  for (int i = 0; i < 8; ++i) {
    const float cosine = i % 2 == 0 ? turns[i / 2].x : turns[i / 2].z;
    const float sine = i % 2 == 0 ? turns[i / 2].y : turns[i / 2].w;
    own[i] = own[i] * cosine + sign * sine * other[i];
  }
}

/// A lane's part of the query, the key and the value of the step's own position.
template <typename T, typename Traits>
struct OwnHead {
  float query[8];
  uint4 key;    // where the item's has_own holds
  uint4 value;  // the same

  /// Waits for them.
  __device__ __forceinline__ void load(const StepArguments& a, const LayerWeights& layer, const HeadItem<T>& item,
                                       const float* qkv) {
    const bool is_rotated = Traits::is_rotated(layer);
    float4 turns[4] = {};
    if (is_rotated) {
      const auto* from = reinterpret_cast<const float4*>(item.rotation + static_cast<std::int64_t>(layer.rotary_table) *
                                                                             a.cache.max_tokens * (kSimpleHead / 2));
#pragma unroll
      for (int i = 0; i < 4; ++i) turns[i] = from[i];
    }
    EightWords q{};
    EightWords other_q{};
    EightWords k{};
    EightWords other_k{};
    EightWords v{};
    std::uint32_t most = 0;
    do {
      q.load(qkv + item.query_at);
      if (is_rotated) other_q.load(qkv + item.query_at + item.partner);
      if (item.has_own) {
        k.load(qkv + item.key_at);
        v.load(qkv + item.value_at);
        if (is_rotated) other_k.load(qkv + item.key_at + item.partner);
      }
      most = max(q.greatest_of(), other_q.greatest_of());
      most = max(most, max(max(k.greatest_of(), v.greatest_of()), other_k.greatest_of()));
    } while (__any_sync(kAllLanes, most == kAbsent));
    const float sign = item.partner > 0 ? -1.0F : 1.0F;
    const float scale = layer.attention_scale * kLog2E;
    float other[8];
    q.values(query);
    if (is_rotated) {
      other_q.values(other);
      rotate8(query, other, turns, sign);
    }
#pragma unroll
    for (int i = 0; i < 8; ++i) query[i] = as_float(as_value<T>(query[i] * scale));
    if (!item.has_own) return;
    float values[8];
    v.values(values);
    value = pack8<T>(values);
    k.values(values);
    if (is_rotated) {
      other_k.values(other);
      rotate8(values, other, turns, sign);
    }
    key = pack8<T>(values);
  }
};

/// The running softmax of a warp: each lane has its 8 values of its own positions.
struct HeadSums {
  float most = -INFINITY;  // of the warp
  float sum = 0;
  float values[8] = {};

  /// Positions of which `score` is minus infinity do not count.
  template <typename T, int kN>
  __device__ __forceinline__ void add(const float (&score)[kN], const uint4 (&from)[kN]) {
    float top = most;
#pragma unroll
    for (int u = 0; u < kN; ++u) top = fmaxf(top, score[u]);
#pragma unroll
    for (int offset = kHeadLanes; offset < kWarp; offset *= 2) {
      top = fmaxf(top, __shfl_xor_sync(kAllLanes, top, offset));
    }
    const float base = top == -INFINITY ? 0.0F : top;
    const float keep = power_of_2(most - base);
    most = top;
    sum *= keep;
#pragma unroll
    for (int i = 0; i < 8; ++i) values[i] *= keep;
#pragma unroll
    for (int u = 0; u < kN; ++u) {
      const float weight = power_of_2(score[u] - base);
      float value[8];
      unpack8<T>(from[u], value);
      sum += weight;
#pragma unroll
      for (int i = 0; i < 8; ++i) values[i] += weight * value[i];
    }
  }

  /// The warp's part: values, then the greatest score and the sum. The groups of lanes add up each other's values, and
  /// keep a quarter of them.
  __device__ __forceinline__ void store(float* parts, int warp) {
    static_assert(kWarp / kHeadLanes == 4);
    const int lane = static_cast<int>(threadIdx.x % kWarp);
    const bool upper = lane % 32 >= 16;
    const bool odd = lane % 16 >= 8;
    float half[4];
#pragma unroll
    for (int i = 0; i < 4; ++i) {
      half[i] = (upper ? values[4 + i] : values[i]) + __shfl_xor_sync(kAllLanes, upper ? values[i] : values[4 + i], 16);
    }
    sum += __shfl_xor_sync(kAllLanes, sum, 16);
    float2 mine;
    mine.x = (odd ? half[2] : half[0]) + __shfl_xor_sync(kAllLanes, odd ? half[0] : half[2], 8);
    mine.y = (odd ? half[3] : half[1]) + __shfl_xor_sync(kAllLanes, odd ? half[1] : half[3], 8);
    sum += __shfl_xor_sync(kAllLanes, sum, 8);
    float* to = parts + warp * kHeadParts;
    reinterpret_cast<float2*>(to)[lane % kHeadLanes * 4 + (upper ? 2 : 0) + (odd ? 1 : 0)] = mine;
    if (lane == 0) *reinterpret_cast<float2*>(to + kSimpleHead) = make_float2(most, sum);
  }
};

/// Two neighbouring values of the head from the parts of all warps, by the first warp, to the other blocks.
template <typename T>
__device__ __forceinline__ void hand_on_head(const StepArguments& a, const HeadTurn& item, const float* parts,
                                             std::uint32_t* attended) {
  const int lane = static_cast<int>(threadIdx.x) % kWarp;
  float2 stats[kStepWarps];
  float most = -INFINITY;
#pragma unroll
  for (int w = 0; w < kStepWarps; ++w) {
    stats[w] = *reinterpret_cast<const float2*>(parts + w * kHeadParts + kSimpleHead);
    most = fmaxf(most, stats[w].x);
  }
  const float base = most == -INFINITY ? 0.0F : most;
  float sum = 0;
  float2 value{};
#pragma unroll
  for (int w = 0; w < kStepWarps; ++w) {
    const float weight = power_of_2(stats[w].x - base);
    const float2 part = reinterpret_cast<const float2*>(parts + w * kHeadParts)[lane];
    sum += weight * stats[w].y;
    value.x += weight * part.x;
    value.y += weight * part.y;
  }
  if (a.n_splits == 1) {
    const float factor = __fdividef(1.0F, sum);
    publish_pair(reinterpret_cast<T*>(attended) + item.head * kSimpleHead + lane * 2, value.x * factor,
                 value.y * factor);
    return;
  }
  float* to = reinterpret_cast<float*>(attended) + item.index * (kSimpleHead + kSplitPad);
  publish(to + lane * 2, value.x);
  publish(to + lane * 2 + 1, value.y);
  if (lane < kSplitPad) publish(to + kSimpleHead + lane, lane == 0 ? most : (lane == 1 ? sum : 0.0F));
}

/// One item. `parts`: kStepWarps times kHeadParts floats of shared memory, that nothing else uses.
template <typename Traits, typename T>
__device__ __forceinline__ void attend_head(const StepArguments& a, const LayerWeights& layer, int layer_index,
                                            const HeadTurn& turn, float* parts, std::uint32_t* exchange, int warp) {
  const HeadItem<T> item(turn, a);
  constexpr int kAtOnce = 2;  // positions whose loads are under way together
  const std::int64_t half = a.cache.half_stride(a.model.shape);
  T* keys = item.keys + layer_index * 2 * half;
  T* values = keys + half;
  const int n_old = item.n - (item.has_new ? 1 : 0);
  const int n_rounds = (item.n + kHeadGroups - 1) / kHeadGroups;
  uint4 key[kAtOnce];
  uint4 value[kAtOnce];
  const auto load = [&](int round) {
#pragma unroll
    for (int u = 0; u < kAtOnce; ++u) {
      key[u] = value[u] = {};
      const int at = (round + u) * kHeadGroups;
      if (at + item.group >= n_old) continue;
      key[u] = __ldcg(reinterpret_cast<const uint4*>(keys + at * kSimpleHead));
      value[u] = __ldcg(reinterpret_cast<const uint4*>(values + at * kSimpleHead));
    }
  };
  load(0);
  OwnHead<T, Traits> own;
  own.load(a, layer, item, reinterpret_cast<const float*>(exchange + a.exchange.qkv));
  HeadSums sums;
#pragma unroll 1
  for (int round = 0; round < n_rounds; round += kAtOnce) {
    if (round != 0) load(round);
    float score[kAtOnce] = {};
#pragma unroll
    for (int u = 0; u < kAtOnce; ++u) {
      if (item.has_new && (round + u) * kHeadGroups + item.group == n_old) key[u] = own.key, value[u] = own.value;
      float k[8];
      unpack8<T>(key[u], k);
#pragma unroll
      for (int i = 0; i < 8; ++i) score[u] += own.query[i] * k[i];
    }
#pragma unroll
    for (int offset = kHeadLanes / 2; offset > 0; offset /= 2) {
#pragma unroll
      for (int u = 0; u < kAtOnce; ++u) score[u] += __shfl_xor_sync(kAllLanes, score[u], offset);
    }
#pragma unroll
    for (int u = 0; u < kAtOnce; ++u) {
      if ((round + u) * kHeadGroups + item.group >= item.n) score[u] = -INFINITY;
    }
    sums.add<T>(score, value);
  }
  sums.store(parts, warp);
  sync_consumers();
  if (warp == 0) hand_on_head<T>(a, turn, parts, exchange + a.exchange.attended);
  if (item.writes) {
    const int at = (item.n - 1) / kHeadGroups * kHeadGroups * kSimpleHead;
    *reinterpret_cast<uint4*>(keys + at) = own.key;
    *reinterpret_cast<uint4*>(values + at) = own.value;
  }
}

/// All of this block's items of a layer. `item`: the last one that was computed, by which most blocks have no other.
template <typename Traits, typename T>
__device__ __forceinline__ void attend_heads(const StepArguments& a, HeadTurn& item, const LayerWeights& layer,
                                             int layer_index, float* parts, std::uint32_t* exchange, int warp) {
  const int n_items = a.model.shape.n_heads * a.n_splits;
#pragma unroll 1
  for (int i = static_cast<int>(blockIdx.x); i < n_items; i += static_cast<int>(gridDim.x)) {
    if (i != item.index) {
      item.set(i, a);
      sync_consumers();  // the first warp may still read the parts of another item
    }
    attend_head<Traits, T>(a, layer, layer_index, item, parts, exchange, warp);
  }
}

}  // namespace inferbench::cuda_backend
