// SPDX-License-Identifier: Apache-2.0
//
// The running softmax of attention by tiles of 64 keys: Dao et al., "FlashAttention", 2022. A warp has 16 queries; lane
// 4 r + c has of queries r and r + 8 the scores of keys 8 n + 2 c and 8 n + 2 c + 1, as the matrix instructions give
// them.
#pragma once

#include "kernel_math.cuh"

namespace inferbench::cuda_backend {

constexpr int kKeys = 64;  // of a tile

/// See soft_cap. Short code: the errors of its exponential are far below those of 16-bit queries and keys.
template <int kN>
__device__ __forceinline__ void cap_scores(float (&scores)[kN][4], float cap) {
  const float factor = 2.0F * 1.4426950408889634F / cap;
#pragma unroll
  for (int n = 0; n < kN; ++n) {
#pragma unroll
    for (float& score : scores[n]) score = cap - __fdividef(2.0F * cap, 1.0F + power_of_2(score * factor));
  }
}

/// Hides the keys that queries do not see. `position`: of query 0 of the warp; `first_key`: of the scores; `window`: 0
/// for all positions.
template <int kN>
__device__ __forceinline__ void mask_scores(float (&scores)[kN][4], int position, int first_key, int window) {
  const int lane = static_cast<int>(threadIdx.x) % kWarp;
#pragma unroll
  for (int i = 0; i < 4; ++i) {
    const int last = position + i / 2 * 8 + lane / 4 - first_key - lane % 4 * 2 - i % 2;
    const int hidden = window > 0 ? last - window : -1;
#pragma unroll
    for (int n = 0; n < kN; ++n) {
      if (n * 8 > last || n * 8 <= hidden) scores[n][i] = -INFINITY;
    }
  }
}

/// The running softmax of a lane's two queries, r and r + 8 of 16.
template <int kSize>
struct TileState {
  float most[2] = {-INFINITY, -INFINITY};
  float sum[2] = {0, 0};  // of this lane's keys
  float values[kSize / 8][4] = {};
};

/// scores [key / 8][...] become weights; what was added up before is scaled to the new greatest score.
template <int kSize, int kN>
__device__ __forceinline__ void soften(TileState<kSize>& state, float (&scores)[kN][4]) {
  constexpr float kLog2E = 1.4426950408889634F;
#pragma unroll
  for (int half = 0; half < 2; ++half) {
    float top = state.most[half];
#pragma unroll
    for (int n = 0; n < kN; ++n) top = fmaxf(top, fmaxf(scores[n][half * 2], scores[n][half * 2 + 1]));
    top = fmaxf(top, __shfl_xor_sync(kAllLanes, top, 1));
    top = fmaxf(top, __shfl_xor_sync(kAllLanes, top, 2));
    const float base = top == -INFINITY ? 0.0F : top * kLog2E;  // nothing seen yet
    const float keep = power_of_2(fmaf(state.most[half], kLog2E, -base));
    state.most[half] = top;
    float sum = 0;
#pragma unroll
    for (int n = 0; n < kN; ++n) {
#pragma unroll
      for (int i = half * 2; i < half * 2 + 2; ++i) {
        scores[n][i] = power_of_2(fmaf(scores[n][i], kLog2E, -base));
        sum += scores[n][i];
      }
    }
    state.sum[half] = state.sum[half] * keep + sum;
#pragma unroll
    for (int d = 0; d < kSize / 8; ++d) {
      state.values[d][half * 2] *= keep;
      state.values[d][half * 2 + 1] *= keep;
    }
  }
}

/// Stores what the lane has of its two queries; `n_there`: how many of the warp's 16 there are. `to`: query 0.
template <typename T, int kSize>
__device__ __forceinline__ void store_values(TileState<kSize>& state, T* to, std::int64_t stride, int n_there) {
  const int lane = static_cast<int>(threadIdx.x) % kWarp;
#pragma unroll
  for (int half = 0; half < 2; ++half) {
    float sum = state.sum[half];
    sum += __shfl_xor_sync(kAllLanes, sum, 1);
    sum += __shfl_xor_sync(kAllLanes, sum, 2);
    const int row = half * 8 + lane / 4;
    if (row >= n_there) continue;
    const float scale = 1 / sum;
    T* mine = to + row * stride + lane % 4 * 2;
#pragma unroll
    for (int d = 0; d < kSize / 8; ++d) {
      const float(&values)[4] = state.values[d];
      *reinterpret_cast<std::uint32_t*>(mine + d * 8) =
          pair_of<T>(values[half * 2] * scale, values[half * 2 + 1] * scale);
    }
  }
}

}  // namespace inferbench::cuda_backend
