// SPDX-License-Identifier: Apache-2.0
//
// Heads of models of a family, from the parts into which attention cuts their positions. See step_heads.cuh.
#pragma once

#include "kernel_math.cuh"
#include "step_exchange.cuh"
#include "step_plan.hpp"

namespace inferbench::cuda_backend {

constexpr int kHeadStride = kSimpleHead + kSplitPad;  // floats from a part of a head's positions to the next one

/// Values i to i + 3 of a head from its parts, of which there are `n`; waits for them. Whole warps call it.
__device__ __forceinline__ float4 merged_head(const float* parts, int i, int n) {
  constexpr int kAtOnce = 4;
  float4 value{};
  float most = -INFINITY;
  float sum = 0;
#pragma unroll 1
  for (int begin = 0; begin < n; begin += kAtOnce) {
    const float* from[kAtOnce];
#pragma unroll
    for (int k = 0; k < kAtOnce; ++k) from[k] = parts + min(begin + k, n - 1) * kHeadStride;
    uint4 words[kAtOnce];
    uint2 stats[kAtOnce];
    std::uint32_t greatest_word = 0;
    do {
      greatest_word = 0;
#pragma unroll
      for (int k = 0; k < kAtOnce; ++k) {
        words[k] = load_words4(from[k] + i);
        stats[k] = load_words2(from[k] + kSimpleHead);
      }
#pragma unroll
      for (int k = 0; k < kAtOnce; ++k) {
        greatest_word = max(greatest_word, max(greatest(words[k]), max(stats[k].x, stats[k].y)));
      }
    } while (__any_sync(kAllLanes, greatest_word == kAbsent));
    float score[kAtOnce];
    float top = most;
#pragma unroll
    for (int k = 0; k < kAtOnce; ++k) {
      score[k] = begin + k < n ? __uint_as_float(stats[k].x) : -INFINITY;
      top = fmaxf(top, score[k]);
    }
    const float base = top == -INFINITY ? 0.0F : top;
    const float keep = power_of_2(most - base);
    most = top;
    value.x *= keep, value.y *= keep, value.z *= keep, value.w *= keep;
    sum *= keep;
#pragma unroll
    for (int k = 0; k < kAtOnce; ++k) {
      const float weight = power_of_2(score[k] - base);
      const float4 part = as_floats(words[k]);
      value.x += weight * part.x, value.y += weight * part.y, value.z += weight * part.z, value.w += weight * part.w;
      sum += weight * __uint_as_float(stats[k].y);
    }
  }
  const float factor = __fdividef(1.0F, sum);
  return make_float4(value.x * factor, value.y * factor, value.z * factor, value.w * factor);
}

}  // namespace inferbench::cuda_backend
