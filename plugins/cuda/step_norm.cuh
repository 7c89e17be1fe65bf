// SPDX-License-Identifier: Apache-2.0
//
// The residual stream of a step, and its norms. Every block computes them for itself: that is quicker than to wait for
// another block.
#pragma once

#include "step.hpp"
#include "step_ring.cuh"

namespace inferbench::cuda_backend {

/// Where a row of the residual stream comes from.
template <typename T>
struct StreamSource {
  const float* x;      // [hidden_stride]; null: the embeddings below
  const T* token;      // the token's embedding
  const T* position;   // null: no learned positions
  const float* delta;  // added after the norm `post`; null: nothing is added
  NormWeights post;
  float embedding_scale;

  __device__ float4 load(int i) const {
    if (x != nullptr) return __ldcg(reinterpret_cast<const float4*>(x + i));
    float4 value = load4(token + i);
    value.x *= embedding_scale, value.y *= embedding_scale, value.z *= embedding_scale, value.w *= embedding_scale;
    if (position != nullptr) {
      const float4 more = load4(position + i);
      value.x += more.x, value.y += more.y, value.z += more.z, value.w += more.w;
    }
    return value;
  }

 private:
  static __device__ float4 load4(const T* from) {
    const uint2 bits = *reinterpret_cast<const uint2*>(from);
    const T* values = reinterpret_cast<const T*>(&bits);
    return make_float4(as_float(values[0]), as_float(values[1]), as_float(values[2]), as_float(values[3]));
  }
};

/// Sums for mean and variance, of values from which `shift` is subtracted, so that a large mean costs no accuracy.
struct Moments {
  float sum = 0;
  float squares = 0;

  __device__ void add(float4 x, float shift, int i, int n) {
    const float values[4] = {x.x, x.y, x.z, x.w};
#pragma unroll
    for (int k = 0; k < 4; ++k) {
      const float value = i + k < n ? values[k] - shift : 0.0F;
      sum += value;
      squares += value * value;
    }
  }
};

/// y = (x - mean) * scale * weight + bias.
struct NormFactors {
  float mean;  // 0 for RMS norms
  float scale;

  __device__ NormFactors(Moments moments, float shift, const Shape& shape) {
    const float count = static_cast<float>(shape.hidden);
    const float offset = shape.norm == IB_NORM_LAYER ? moments.sum / count : 0.0F;
    mean = shape.norm == IB_NORM_LAYER ? shift + offset : 0.0F;
    scale = rsqrtf(fmaxf(moments.squares / count - offset * offset, 0.0F) + shape.epsilon);
  }
};

__device__ __forceinline__ float4 normed(float4 x, NormFactors by, const NormWeights& norm, int i) {
  const float4 weight = *reinterpret_cast<const float4*>(norm.weight + i);
  float4 y = make_float4((x.x - by.mean) * by.scale * weight.x, (x.y - by.mean) * by.scale * weight.y,
                         (x.z - by.mean) * by.scale * weight.z, (x.w - by.mean) * by.scale * weight.w);
  if (norm.bias != nullptr) {
    const float4 bias = *reinterpret_cast<const float4*>(norm.bias + i);
    y.x += bias.x, y.y += bias.y, y.z += bias.z, y.w += bias.w;
  }
  return y;
}

__device__ __forceinline__ float4 plus(float4 a, float4 b) {
  return make_float4(a.x + b.x, a.y + b.y, a.z + b.z, a.w + b.w);
}

/// 4 values to memory that is aligned to them.
template <typename T>
__device__ __forceinline__ void store4(T* to, float4 x) {
  const T values[4] = {as_value<T>(x.x), as_value<T>(x.y), as_value<T>(x.z), as_value<T>(x.w)};
  uint2 bits;
  memcpy(&bits, values, sizeof bits);
  *reinterpret_cast<uint2*>(to) = bits;
}

/// The first value of a row, as the shift of its moments: 0 for RMS norms.
__device__ __forceinline__ float shift_of(const Shape& shape, float first) {
  return shape.norm == IB_NORM_LAYER ? first : 0.0F;
}

__device__ __forceinline__ Moments sum_of_consumers(Moments moments, float2* parts) {
  moments.sum = warp_sum(moments.sum);
  moments.squares = warp_sum(moments.squares);
  if (threadIdx.x % kWarp == 0) parts[threadIdx.x / kWarp] = make_float2(moments.sum, moments.squares);
  sync_consumers();
  Moments all;
#pragma unroll
  for (int w = 0; w < kStepWarps; ++w) all.sum += parts[w].x, all.squares += parts[w].y;
  return all;
}

constexpr int kRowVectors = kMostStepHidden / 4 / (kStepWarps * kWarp);  // of 4 values, per thread

/// A norm's weights for norm_row_by_block, fetched before the barrier that the row comes behind.
struct NormInRegisters {
  float4 weight[kRowVectors];
  float4 bias[kRowVectors];

  __device__ void load(const NormWeights& norm, int n) {
#pragma unroll
    for (int j = 0; j < kRowVectors; ++j) {
      const int i = 4 * (static_cast<int>(threadIdx.x) + j * kStepWarps * kWarp);
      if (i >= n) continue;
      weight[j] = *reinterpret_cast<const float4*>(norm.weight + i);
      bias[j] = norm.bias != nullptr ? *reinterpret_cast<const float4*>(norm.bias + i) : float4{};
    }
  }
  __device__ float4 apply(int j, float4 x, NormFactors by) const {
    return make_float4(
        (x.x - by.mean) * by.scale * weight[j].x + bias[j].x, (x.y - by.mean) * by.scale * weight[j].y + bias[j].y,
        (x.z - by.mean) * by.scale * weight[j].z + bias[j].z, (x.w - by.mean) * by.scale * weight[j].w + bias[j].w);
  }
};

/// A row of the stream, normed, to `y` [stride] with zeros behind it; the stream itself, after the addition, to
/// `x_out` [hidden_stride] where not null. By all consumers; each keeps its part of the row in registers.
template <typename T>
__device__ void norm_row_by_block(const StreamSource<T>& source, const NormInRegisters& norm, const Shape& shape, T* y,
                                  int stride, float* x_out, float* reduce) {
  constexpr int kThreads = kStepWarps * kWarp;
  constexpr int kVectors = kRowVectors;
  const int n = shape.hidden;
  const int thread = static_cast<int>(threadIdx.x);
  auto* parts = reinterpret_cast<float2*>(reduce);
  float4 x[kVectors];
#pragma unroll
  for (int j = 0; j < kVectors; ++j) {
    const int i = 4 * (thread + j * kThreads);
    x[j] = i < n ? source.load(i) : float4{};
  }
  if (source.delta != nullptr) {
    const float shift = shift_of(shape, __ldcg(source.delta));
    float4 delta[kVectors];
    Moments moments;
#pragma unroll
    for (int j = 0; j < kVectors; ++j) {
      const int i = 4 * (thread + j * kThreads);
      delta[j] = i < n ? __ldcg(reinterpret_cast<const float4*>(source.delta + i)) : float4{};
      if (i < n) moments.add(delta[j], shift, i, n);
    }
    const NormFactors by(sum_of_consumers(moments, parts), shift, shape);
    parts += kStepWarps;  // some may still read the others
#pragma unroll
    for (int j = 0; j < kVectors; ++j) {
      const int i = 4 * (thread + j * kThreads);
      if (i < n) x[j] = plus(x[j], normed(delta[j], by, source.post, i));
    }
  }
  float shift = 0;
  if (shape.norm == IB_NORM_LAYER) shift = source.load(0).x;  // any value near the mean will do
  Moments moments;
#pragma unroll
  for (int j = 0; j < kVectors; ++j) {
    const int i = 4 * (thread + j * kThreads);
    if (i < n) moments.add(x[j], shift, i, n);
  }
  const NormFactors by(sum_of_consumers(moments, parts), shift, shape);
#pragma unroll
  for (int j = 0; j < kVectors; ++j) {
    const int i = 4 * (thread + j * kThreads);
    if (i >= stride) continue;
    if (i < n && x_out != nullptr) __stcg(reinterpret_cast<float4*>(x_out + i), x[j]);
    store4(y + i, i < n ? norm.apply(j, x[j], by) : float4{});
  }
}

/// The same, by a warp, which reads the row twice: its registers cannot hold it.
template <typename T>
__device__ void norm_row_by_warp(const StreamSource<T>& source, const NormWeights& norm, const Shape& shape, T* y,
                                 int stride, float* x_out) {
  const int lane = threadIdx.x % kWarp;
  const int n = shape.hidden;
  const auto factors_of = [&](auto&& value_at) {
    const float shift = shift_of(shape, value_at(0).x);
    Moments moments;
#pragma unroll 8
    for (int i = lane * 4; i < n; i += kWarp * 4) moments.add(value_at(i), shift, i, n);
    moments.sum = warp_sum(moments.sum);
    moments.squares = warp_sum(moments.squares);
    return NormFactors(moments, shift, shape);
  };
  NormFactors of_delta(Moments{}, 0, shape);
  const auto delta_at = [&](int i) { return __ldcg(reinterpret_cast<const float4*>(source.delta + i)); };
  if (source.delta != nullptr) of_delta = factors_of(delta_at);
  const auto stream_at = [&](int i) {
    const float4 x = source.load(i);
    return source.delta == nullptr ? x : plus(x, normed(delta_at(i), of_delta, source.post, i));
  };
  const NormFactors by = factors_of(stream_at);
#pragma unroll 4
  for (int i = lane * 4; i < stride; i += kWarp * 4) {
    float4 value{};
    if (i < n) {
      const float4 x = stream_at(i);
      if (x_out != nullptr) __stcg(reinterpret_cast<float4*>(x_out + i), x);
      value = normed(x, by, norm, i);
    }
    store4(y + i, value);
  }
}

}  // namespace inferbench::cuda_backend
