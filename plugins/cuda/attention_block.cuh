// SPDX-License-Identifier: Apache-2.0
//
// Attention of one token, computed by a block: some query heads that share keys and values, over a range of positions.
#pragma once

#include "cache_codes.cuh"
#include "kernel_math.cuh"

namespace inferbench::cuda_backend {

/// Query heads that a block takes at once. More would not fit into registers.
constexpr int kBlockHeads = 4;

/// `T`: of the cache.
template <typename T>
struct AttendRange {
  const T* keys;           // of position 0 of the slot, layer and head: rows of head_stride
  const T* values;         // the same
  const float* new_key;    // [head_stride] of position `end`, in shared memory; null: there is none
  const float* new_value;  // the same
  int begin;
  int end;
  int head_stride;
  float cap;
  const float* key_scales = nullptr;  // of codes, by position
  const float* value_scales = nullptr;
};

/// Floats of shared memory that attend_range needs.
__host__ __device__ constexpr int attend_floats(int n_warps, int head_stride) {
  return n_warps * kBlockHeads * (head_stride + 2);
}

/// 8 neighbouring values as they are in memory; zeros unless loaded.
template <typename T>
struct Eight {
  uint4 bits[sizeof(T) / 2] = {};

  __device__ void load(const T* from, const float* /*scales*/, int /*position*/) {
#pragma unroll
    for (int i = 0; i < static_cast<int>(sizeof(T) / 2); ++i)
      bits[i] = __ldcg(reinterpret_cast<const uint4*>(from) + i);
  }
  __device__ void unpack(float (&to)[8]) const {
    const T* values = reinterpret_cast<const T*>(bits);
#pragma unroll
    for (int i = 0; i < 8; ++i) to[i] = as_float(values[i]);
  }
  /// What is meant, from a product with the unpacked values.
  __device__ static float scaled(float product) {
    return product;
  }
};
template <>
struct Eight<std::int8_t> {
  uint2 bits = {};
  float scale = 1;

  __device__ void load(const std::int8_t* from, const float* scales, int position) {
    bits = __ldcg(reinterpret_cast<const uint2*>(from));
    scale = __ldcg(scales + position);
  }
  __device__ void unpack(float (&to)[8]) const { unpack_codes(bits, to); }
  __device__ float scaled(float product) const { return product * scale; }
};

/// Scores of one position, for all heads, and the running softmax.
template <int kHeads>
struct RunningSoftmax {
  float most[kHeads];
  float sum[kHeads];
  float values[kHeads][8];

  __device__ void clear() {
#pragma unroll
    for (int h = 0; h < kHeads; ++h) {
      most[h] = -INFINITY;
      sum[h] = 0;
#pragma unroll
      for (int i = 0; i < 8; ++i) values[h][i] = 0;
    }
  }

  /// Takes kN positions, whose scores become weights; a score of minus infinity stands for none. Their values are to be
  /// added to `values`.
  template <int kN>
  __device__ void weigh(int h, float (&score)[kN]) {
    float top = most[h];
#pragma unroll
    for (int u = 0; u < kN; ++u) top = fmaxf(top, score[u]);
    const float base = top == -INFINITY ? 0.0F : top;
    const float keep = __expf(most[h] - base);
    most[h] = top;
    sum[h] *= keep;
#pragma unroll
    for (int i = 0; i < 8; ++i) values[h][i] *= keep;
#pragma unroll
    for (int u = 0; u < kN; ++u) {
      score[u] = __expf(score[u] - base);
      sum[h] += score[u];
    }
  }

  /// Merges the groups of `lanes` threads of a warp.
  __device__ void merge_groups(int lanes) {
    float top[kHeads];
#pragma unroll
    for (int h = 0; h < kHeads; ++h) top[h] = most[h];
#pragma unroll 1
    for (int offset = lanes; offset < kWarp; offset *= 2) {
#pragma unroll
      for (int h = 0; h < kHeads; ++h) top[h] = fmaxf(top[h], __shfl_xor_sync(kAllLanes, top[h], offset));
    }
#pragma unroll
    for (int h = 0; h < kHeads; ++h) {
      const float keep = __expf(most[h] - (top[h] == -INFINITY ? 0.0F : top[h]));
      most[h] = top[h];
      sum[h] *= keep;
#pragma unroll
      for (int i = 0; i < 8; ++i) values[h][i] *= keep;
    }
#pragma unroll 1
    for (int offset = lanes; offset < kWarp; offset *= 2) {
#pragma unroll
      for (int h = 0; h < kHeads; ++h) {
        sum[h] += __shfl_xor_sync(kAllLanes, sum[h], offset);
#pragma unroll
        for (int i = 0; i < 8; ++i) values[h][i] += __shfl_xor_sync(kAllLanes, values[h][i], offset);
      }
    }
  }
};

/// `query`: [kHeads][head_stride] in shared memory, scaled. `lanes`: threads that share a position, a power of two with
/// lanes * 8 >= head_stride. All `n_warps` warps (a power of two) of the group call it. Results are left in `shared`,
/// for each warp and head: [head_stride] values, the greatest score, the sum. The caller synchronizes and adds them up
/// with merge_head. `ready` is called before shared memory is read, when the first positions are on their way.
/// `kAhead`: the next positions are fetched before the present ones are used, which takes more registers.
template <typename T, int kHeads, bool kAhead = false, typename Ready>
__device__ __forceinline__ void attend_range(const AttendRange<T>& range, const float* query, int lanes, int warp,
                                             int n_warps, float* shared, Ready ready) {
  const int lane = threadIdx.x % kWarp;
  const int shift = 31 - __clz(lanes);
  const int part = lane & (lanes - 1);  // which 8 values of a head
  const int first = part * 8;
  const bool has_values = first < range.head_stride;
  const int per_warp = kWarp >> shift;
  const int n_groups = n_warps * per_warp;
  const int group = warp * per_warp + (lane >> shift);

  RunningSoftmax<kHeads> running;
  running.clear();
  const int n = range.end - range.begin + (range.new_key != nullptr ? 1 : 0);
  // Positions whose loads are under way together: as many bytes, where there are registers.
  constexpr int kAtOnce = kIsCode<T> && kHeads == 1 ? 4 : 2;
  // Every lane takes part in the shuffles, so all groups of a warp make the same number of rounds.
  const int n_rounds = (n + n_groups - 1) >> (31 - __clz(n_groups));
  Eight<T> keys[kAtOnce];
  Eight<T> values[kAtOnce];
  const auto load = [&](int round) {
#pragma unroll
    for (int u = 0; u < kAtOnce; ++u) {
      keys[u] = values[u] = {};
      const int position = range.begin + (round + u) * n_groups + group;
      if (position >= range.end || !has_values) continue;
      const std::int64_t at = static_cast<std::int64_t>(position) * range.head_stride + first;
      keys[u].load(range.keys + at, range.key_scales, position);
      values[u].load(range.values + at, range.value_scales, position);
    }
  };
  load(0);
  ready();
  float q[kHeads][8];
#pragma unroll
  for (int h = 0; h < kHeads; ++h) {
#pragma unroll
    for (int i = 0; i < 8; ++i) q[h][i] = has_values ? query[h * range.head_stride + first + i] : 0.0F;
  }
#pragma unroll 1
  for (int round = 0; round < n_rounds; round += kAtOnce) {
    if (!kAhead && round != 0) load(round);
    Eight<T> now_keys[kAtOnce];
    Eight<T> now_values[kAtOnce];
#pragma unroll
    for (int u = 0; u < kAtOnce; ++u) now_keys[u] = keys[u], now_values[u] = values[u];
    if (kAhead) load(round + kAtOnce);
    const auto is_new = [&](int u) {
      return range.new_key != nullptr && range.begin + (round + u) * n_groups + group == range.end && has_values;
    };
    float score[kHeads][kAtOnce] = {};
#pragma unroll
    for (int u = 0; u < kAtOnce; ++u) {
      float key[8];
      now_keys[u].unpack(key);
      if (is_new(u)) {
#pragma unroll
        for (int i = 0; i < 8; ++i) key[i] = range.new_key[first + i];
      }
#pragma unroll
      for (int h = 0; h < kHeads; ++h) {
#pragma unroll
        for (int i = 0; i < 8; ++i) score[h][u] += q[h][i] * key[i];
        score[h][u] = now_keys[u].scaled(score[h][u]);
      }
    }
#pragma unroll 1
    for (int offset = lanes / 2; offset > 0; offset /= 2) {
#pragma unroll
      for (int h = 0; h < kHeads; ++h) {
#pragma unroll
        for (int u = 0; u < kAtOnce; ++u) score[h][u] += __shfl_xor_sync(kAllLanes, score[h][u], offset);
      }
    }
#pragma unroll
    for (int h = 0; h < kHeads; ++h) {
#pragma unroll
      for (int u = 0; u < kAtOnce; ++u) {
        const bool is_there = (round + u) * n_groups + group < n;
        score[h][u] = is_there ? soft_cap(score[h][u], range.cap) : -INFINITY;
      }
      running.weigh(h, score[h]);
    }
#pragma unroll
    for (int u = 0; u < kAtOnce; ++u) {
      float value[8];
      now_values[u].unpack(value);
      if (is_new(u)) {
#pragma unroll
        for (int i = 0; i < 8; ++i) value[i] = range.new_value[first + i];
      }
#pragma unroll
      for (int h = 0; h < kHeads; ++h) {
        const float weight = now_values[u].scaled(score[h][u]);
#pragma unroll
        for (int i = 0; i < 8; ++i) running.values[h][i] += weight * value[i];
      }
    }
  }
  running.merge_groups(lanes);
  if (lane < lanes) {
#pragma unroll
    for (int h = 0; h < kHeads; ++h) {
      float* out = shared + (warp * kHeads + h) * (range.head_stride + 2);
      if (has_values) {
#pragma unroll
        for (int i = 0; i < 8; ++i) out[first + i] = running.values[h][i];
      }
      if (lane == 0) out[range.head_stride] = running.most[h], out[range.head_stride + 1] = running.sum[h];
    }
  }
}

/// Value `i` of head `h` over all warps' parts: weighted sum; `most` and `sum` as in RangeHead.
__device__ __forceinline__ float merge_head(const float* shared, int n_heads, int h, int head_stride, int n_warps,
                                            int i, float& most, float& sum) {
  const int stride = head_stride + 2;
  most = -INFINITY;
  for (int warp = 0; warp < n_warps; ++warp) {
    most = fmaxf(most, shared[(warp * n_heads + h) * stride + head_stride]);
  }
  float value = 0;
  sum = 0;
  for (int warp = 0; warp < n_warps; ++warp) {
    const float* part = shared + (warp * n_heads + h) * stride;
    const float weight = part[head_stride] == -INFINITY ? 0.0F : __expf(part[head_stride] - most);
    value += weight * part[i];
    sum += weight * part[head_stride + 1];
  }
  return value;
}

/// Threads that share a position: the least power of two that covers a head, 8 values each.
__host__ __device__ constexpr int lanes_of(int head_stride) {
  int lanes = 1;
  while (lanes * 8 < head_stride) lanes *= 2;
  return lanes;
}

}  // namespace inferbench::cuda_backend
