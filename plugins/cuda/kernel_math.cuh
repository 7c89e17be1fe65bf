// SPDX-License-Identifier: Apache-2.0
//
// What all kernels share: values by type, activations, sums over warps and blocks.
#pragma once

#include <cuda_bf16.h>
#include <cuda_fp16.h>

#include "inferbench/backend.h"
#include "model_data.hpp"

namespace inferbench::cuda_backend {

constexpr int kWarp = 32;
constexpr unsigned kAllLanes = 0xffffffffU;

__device__ __forceinline__ float as_float(float x) {
  return x;
}
__device__ __forceinline__ float as_float(__half x) {
  return __half2float(x);
}
__device__ __forceinline__ float as_float(__nv_bfloat16 x) {
  return __bfloat162float(x);
}

template <typename T>
__device__ __forceinline__ T as_value(float x);
template <>
__device__ __forceinline__ float as_value<float>(float x) {
  return x;
}
template <>
__device__ __forceinline__ __half as_value<__half>(float x) {
  return __float2half_rn(x);
}
template <>
__device__ __forceinline__ __nv_bfloat16 as_value<__nv_bfloat16>(float x) {
  return __float2bfloat16_rn(x);
}

/// Two neighbouring 16-bit values.
template <typename T>
__device__ __forceinline__ std::uint32_t pair_of(float low, float high) {
  const T values[2] = {as_value<T>(low), as_value<T>(high)};
  std::uint32_t bits = 0;
  memcpy(&bits, values, sizeof bits);
  return bits;
}

/// 8 neighbouring values, aligned to their total size (or 16 bytes), as floats. They may have been written by another
/// block of this kernel, so they are read past the L1 cache.
__device__ __forceinline__ void load8(const float* from, float (&to)[8]) {
  const float4 a = __ldcg(reinterpret_cast<const float4*>(from));
  const float4 b = __ldcg(reinterpret_cast<const float4*>(from) + 1);
  to[0] = a.x, to[1] = a.y, to[2] = a.z, to[3] = a.w;
  to[4] = b.x, to[5] = b.y, to[6] = b.z, to[7] = b.w;
}
template <typename T>
__device__ __forceinline__ void load8(const T* from, float (&to)[8]) {
  const uint4 bits = __ldcg(reinterpret_cast<const uint4*>(from));
  const T* values = reinterpret_cast<const T*>(&bits);
#pragma unroll
  for (int i = 0; i < 8; ++i) to[i] = as_float(values[i]);
}

/// The same way back.
template <typename T>
__device__ __forceinline__ void store8(T* to, const float (&values)[8]) {
  __align__(16) T converted[8];
#pragma unroll
  for (int i = 0; i < 8; ++i) converted[i] = as_value<T>(values[i]);
#pragma unroll
  for (int i = 0; i < static_cast<int>(sizeof converted / sizeof(uint4)); ++i) {
    reinterpret_cast<uint4*>(to)[i] = reinterpret_cast<const uint4*>(converted)[i];
  }
}

/// 8 neighbouring 16-bit values.
template <typename T>
__device__ __forceinline__ void unpack8(uint4 bits, float4& low, float4& high) {
  const T* values = reinterpret_cast<const T*>(&bits);
  low = make_float4(as_float(values[0]), as_float(values[1]), as_float(values[2]), as_float(values[3]));
  high = make_float4(as_float(values[4]), as_float(values[5]), as_float(values[6]), as_float(values[7]));
}

/// The bfloat16 at `index` (0 to 3) of 8 bytes: one of the scales of a row of a quantized tile.
__device__ __forceinline__ float scale_at(uint2 scales, int index) {
  const std::uint32_t word = index < 2 ? scales.x : scales.y;
  return __uint_as_float(index % 2 == 0 ? word << 16U : word & 0xffff0000U);
}

__device__ __forceinline__ float soft_cap(float x, float cap) {
  return cap == 0 ? x : cap * tanhf(x / cap);
}

__device__ __forceinline__ float activated(std::int32_t activation, float x) {
  switch (activation) {
    case IB_ACTIVATION_GELU_ERF:
      return 0.5F * x * (1 + erff(x * 0.7071067811865476F));
    case IB_ACTIVATION_RELU:
      return x > 0 ? x : (x < 0 ? 0.0F : x);  // NaN stays NaN
    default:
      break;
  }
  // 0.5 (1 + tanh y) is 1 / (1 + e^-2y), so that GELU and SiLU differ by a factor only.
  constexpr float kLinear = 1.5957691216057308F;
  const float factor = activation == IB_ACTIVATION_GELU_TANH ? kLinear + kLinear * 0.044715F * x * x : 1.0F;
  return __fdividef(x, 1 + __expf(-x * factor));
}

__device__ __forceinline__ float4 plus(float4 a, float4 b) {
  return make_float4(a.x + b.x, a.y + b.y, a.z + b.z, a.w + b.w);
}

/// What is below the least normal float is 0.
__device__ __forceinline__ float power_of_2(float x) {
  float result = 0;
  asm("ex2.approx.ftz.f32 %0, %1;" : "=f"(result) : "f"(x));
  return result;
}

__device__ __forceinline__ float warp_sum(float x) {
#pragma unroll
  for (int offset = kWarp / 2; offset > 0; offset /= 2) x += __shfl_xor_sync(kAllLanes, x, offset);
  return x;
}

/// For argmax with the lowest index among equals: the greater key is the better one. NaN comes first.
__device__ __forceinline__ unsigned long long argmax_key(float value, std::uint32_t index) {
  const std::uint32_t bits = __float_as_uint(value + 0.0F);  // -0 equals 0
  const std::uint32_t ordered = (bits & 0x80000000U) != 0 ? ~bits : bits | 0x80000000U;
  return static_cast<unsigned long long>(ordered) << 32U | (0xffffffffU - index);
}
__device__ __forceinline__ std::int32_t argmax_index(unsigned long long key) {
  return static_cast<std::int32_t>(0xffffffffU - static_cast<std::uint32_t>(key));
}

/// One head of a query or key, spread over a warp: lane l has values l, l + 32, ... of [0, head_dim / 2) and the same
/// of the other half. Odd sizes (which are never rotated) have one more in the second half.
struct HeadLanes {
  static constexpr int kMost = 4;  // kMostHeadDim / 2 / 32
  float low[kMost];
  float high[kMost];
};

template <typename T>
__device__ __forceinline__ HeadLanes read_head(const T* from, int head_dim) {
  const int lane = threadIdx.x % kWarp;
  const int half = head_dim / 2;
  HeadLanes head;
#pragma unroll
  for (int i = 0; i < HeadLanes::kMost; ++i) {
    const int j = lane + i * kWarp;
    head.low[i] = j < half ? as_float(__ldcg(from + j)) : 0.0F;
    head.high[i] = j < head_dim - half ? as_float(__ldcg(from + half + j)) : 0.0F;
  }
  return head;
}

/// Applies the norm where `weight` is not null, and the rotation where `rotation` (of the row's position) is not null.
/// head_dim is at most 256.
__device__ __forceinline__ void write_head(const HeadLanes& head, int head_dim, const float* weight, float epsilon,
                                           const float2* rotation, float scale, auto&& write) {
  const int lane = threadIdx.x % kWarp;
  const int half = head_dim / 2;
  float factor = 1;
  if (weight != nullptr) {
    float squares = 0;
#pragma unroll
    for (int i = 0; i < HeadLanes::kMost; ++i) squares += head.low[i] * head.low[i] + head.high[i] * head.high[i];
    factor = rsqrtf(warp_sum(squares) / static_cast<float>(head_dim) + epsilon);
  }
#pragma unroll
  for (int i = 0; i < HeadLanes::kMost; ++i) {
    if (i * kWarp >= head_dim - half) break;  // for all lanes: most heads end here
    const int j = lane + i * kWarp;
    if (j >= head_dim - half) continue;
    float low = head.low[i] * factor;
    float high = head.high[i] * factor;
    if (weight != nullptr) {
      if (j < half) low *= weight[j];
      high *= weight[half + j];
    }
    if (rotation != nullptr) {
      const float2 turn = rotation[j];
      const float turned = low * turn.x - high * turn.y;
      high = high * turn.x + low * turn.y;
      low = turned;
    }
    if (j < half) write(j, low * scale);
    write(half + j, high * scale);
  }
}

}  // namespace inferbench::cuda_backend
