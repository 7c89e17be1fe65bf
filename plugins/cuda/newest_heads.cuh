// SPDX-License-Identifier: Apache-2.0
//
// Attention of one row's query heads that share keys, by matrix instructions: the heads are the rows of the matrix.
#pragma once

#include "kernel_math.cuh"
#include "multiply.cuh"

namespace inferbench::cuda_backend {

constexpr int kHeadRows = 8;  // query heads of an item, at most: half of the rows of mma.m16n8k16, the others are zeros
constexpr int kChunkKeys = 16;  // that a warp takes at a time

/// An 8 by 8 matrix of 16 bits, of which each lane has two neighbours of a row, transposed.
__device__ __forceinline__ std::uint32_t transposed(std::uint32_t pair) {
  std::uint32_t result = 0;
  asm volatile("movmatrix.sync.aligned.m8n8.trans.b16 %0, %1;" : "=r"(result) : "r"(pair));
  return result;
}

/// 16 keys and their values: lane 4 r + c has inputs 32 b + 8 c to 32 b + 8 c + 7 of keys r and r + 8.
template <typename T, int kSize>
struct KeyChunk {
  static constexpr int kParts = kSize / 32;
  uint4 keys[2][kParts];
  uint4 values[2][kParts];

  /// Zeros where `is_there(half)` does not hold. `from_keys`, `from_values`: of this lane's first key.
  template <typename IsThere>
  __device__ __forceinline__ void load(const T* from_keys, const T* from_values, IsThere is_there) {
#pragma unroll
    for (int half = 0; half < 2; ++half) {
#pragma unroll
      for (int b = 0; b < kParts; ++b) {
        keys[half][b] = values[half][b] = {};
        if (!is_there(half)) continue;
        const int at = half * 8 * kSize + b * 32;
        keys[half][b] = __ldcg(reinterpret_cast<const uint4*>(from_keys + at));
        values[half][b] = __ldcg(reinterpret_cast<const uint4*>(from_values + at));
      }
    }
  }
};

/// The running softmax of a warp: lane 4 r + c has values 32 b + 8 c + 2 j and the next one of head r in
/// values[b][j][0] and [1]. What belongs to rows 8 to 15 stays zero.
template <typename T, int kSize>
struct HeadsOfWarp {
  static constexpr int kParts = kSize / 32;
  float most = -INFINITY;  // the same in the four lanes of a head
  float sum = 0;           // of this lane's keys
  float values[kParts][4][4] = {};

  /// `n_keys` of the chunk are seen, at least one.
  __device__ __forceinline__ void add(const KeyChunk<T, kSize>& chunk, const uint4 (&query)[kParts], int n_keys,
                                      float cap) {
    const int c = static_cast<int>(threadIdx.x) % 4;
    float scores[2][4] = {};
#pragma unroll
    for (int half = 0; half < 2; ++half) {
#pragma unroll
      for (int b = 0; b < kParts; ++b) {
        const uint4& key = chunk.keys[half][b];
        multiply<T>(scores[half], query[b].x, 0, query[b].y, 0, key.x, key.y);
        multiply<T>(scores[half], query[b].z, 0, query[b].w, 0, key.z, key.w);
      }
    }
    float top = most;
#pragma unroll
    for (int i = 0; i < 4; ++i) {
      float& score = scores[i / 2][i % 2];
      score = i / 2 * 8 + c * 2 + i % 2 < n_keys ? soft_cap(score, cap) : -INFINITY;
      top = fmaxf(top, score);
    }
    top = fmaxf(top, __shfl_xor_sync(kAllLanes, top, 1));
    top = fmaxf(top, __shfl_xor_sync(kAllLanes, top, 2));
    const float keep = __expf(most - top);
    most = top;
    sum *= keep;
#pragma unroll
    for (int i = 0; i < 4; ++i) {
      float& score = scores[i / 2][i % 2];
      score = __expf(score - top);
      sum += score;
    }
    const std::uint32_t weights[2] = {pair_of<T>(scores[0][0], scores[0][1]), pair_of<T>(scores[1][0], scores[1][1])};
#pragma unroll
    for (int b = 0; b < kParts; ++b) {
#pragma unroll
      for (int j = 0; j < 4; ++j) {
        values[b][j][0] *= keep;
        values[b][j][1] *= keep;
        multiply<T>(values[b][j], weights[0], 0, weights[1], 0, transposed(word_of(chunk.values[0][b], j)),
                    transposed(word_of(chunk.values[1][b], j)));
      }
    }
  }

  /// To the parts that merge_head adds up.
  __device__ __forceinline__ void store(float* parts, int warp, int n_heads) {
    const int r = static_cast<int>(threadIdx.x) % kWarp / 4;
    const int c = static_cast<int>(threadIdx.x) % 4;
    sum += __shfl_xor_sync(kAllLanes, sum, 1);
    sum += __shfl_xor_sync(kAllLanes, sum, 2);
    if (r >= n_heads) return;
    float* to = parts + (warp * kHeadRows + r) * (kSize + 2);
#pragma unroll
    for (int b = 0; b < kParts; ++b) {
#pragma unroll
      for (int j = 0; j < 4; ++j) {
        to[b * 32 + c * 8 + j * 2] = values[b][j][0];
        to[b * 32 + c * 8 + j * 2 + 1] = values[b][j][1];
      }
    }
    if (c == 0) to[kSize] = most, to[kSize + 1] = sum;
  }
};

}  // namespace inferbench::cuda_backend
