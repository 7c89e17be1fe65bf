// SPDX-License-Identifier: Apache-2.0
//
// The residual stream of a step, and its norms. The only row is held by every block, in registers, which adds to it
// what the blocks hand on: that is quicker than to wait once more for one that does it for all. Of several rows, each
// is held by one block, which hands on the normed row: all blocks together could not read so much.
#pragma once

#include "step.hpp"
#include "step_exchange.cuh"
#include "step_ring.cuh"

namespace inferbench::cuda_backend {

/// What a product adds to the residual stream: [parts][rows][hidden_stride], to be added up in the order of the parts.
struct Delta {
  const float* data;  // of the row that is meant
  int parts;
  int part_stride;

  /// A value near the mean, for norms that subtract it.
  __device__ float shift(const Shape& shape) const {
    float sum = 0;
#pragma unroll 1
    for (int p = 0; shape.norm == IB_NORM_LAYER && p < parts; ++p) sum += await(data + p * part_stride);
    return sum;
  }
};

/// The embeddings of a token at its place.
template <typename T>
struct Embedding {
  const T* token;
  const T* position;  // null: no learned positions
  float scale;

  __device__ Embedding(const ModelData& model, const StepRow& row)
      : token(static_cast<const T*>(model.token_embedding) +
              static_cast<std::int64_t>(row.token) * model.embedding_stride),
        position(nullptr),
        scale(model.shape.embedding_scale) {
    if (model.shape.learned_positions != 0) {
      position = static_cast<const T*>(model.position_embedding) +
                 static_cast<std::int64_t>(row.position) * model.embedding_stride;
    }
  }
  __device__ float4 load(int i) const {
    float4 value = load4(token + i);
    value.x *= scale, value.y *= scale, value.z *= scale, value.w *= scale;
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

  __device__ NormFactors(Moments moments, float shift, const Shape& shape)
      : NormFactors(moments, shift, shape, shape.norm == IB_NORM_LAYER) {}
  __device__ NormFactors(Moments moments, float shift, const Shape& shape, bool has_mean) {
    const float share = __fdividef(1.0F, static_cast<float>(shape.hidden));
    const float offset = has_mean ? moments.sum * share : 0.0F;
    mean = has_mean ? shift + offset : 0.0F;
    scale = rsqrtf(fmaxf(moments.squares * share - offset * offset, 0.0F) + shape.epsilon);
  }
  __device__ float4 apply(float4 x, float4 weight, float4 bias) const {
    return make_float4((x.x - mean) * scale * weight.x + bias.x, (x.y - mean) * scale * weight.y + bias.y,
                       (x.z - mean) * scale * weight.z + bias.z, (x.w - mean) * scale * weight.w + bias.w);
  }
};

__device__ __forceinline__ float4 weight_at(const NormWeights& norm, int i) {
  return *reinterpret_cast<const float4*>(norm.weight + i);
}
__device__ __forceinline__ float4 bias_at(const NormWeights& norm, int i) {
  return norm.bias != nullptr ? *reinterpret_cast<const float4*>(norm.bias + i) : float4{};
}

/// 4 values to memory that is aligned to them.
template <typename T>
__device__ __forceinline__ void store4(T* to, float4 x) {
  const T values[4] = {as_value<T>(x.x), as_value<T>(x.y), as_value<T>(x.z), as_value<T>(x.w)};
  uint2 bits;
  memcpy(&bits, values, sizeof bits);
  *reinterpret_cast<uint2*>(to) = bits;
}

/// A row: each thread holds kVectors vectors of 4 values, kStepVector apart. `kParts`: most parts of a delta.
template <typename T, int kVectors, int kParts>
class RowOfBlock {
 public:
  /// `moments`: shared memory, 2 kStepWarps.
  __device__ RowOfBlock(const StepArguments& a, int n, float2* moments)
      : shape_(a.model.shape), moments_(moments), first_(4 * static_cast<int>(threadIdx.x)) {
    const Embedding<T> embedding(a.model, a.rows[n]);
#pragma unroll
    for (int j = 0; j < kVectors; ++j) x_[j] = at(j) < shape_.hidden ? embedding.load(at(j)) : float4{};
    if (has_mean()) mean_ = embedding.load(0).x;  // any value near the mean will do
  }

  /// Fetches the weights of the next norm, while others still compute what it needs.
  __device__ void prepare(const NormWeights& norm) {
#pragma unroll
    for (int j = 0; j < kVectors; ++j) {
      if (at(j) >= shape_.hidden) continue;
      weight_[j] = weight_at(norm, at(j));
      bias_[j] = has_mean() ? bias_at(norm, at(j)) : float4{};
    }
  }

  /// Waits for `delta`; adds it, normed by `post` unless null.
  __device__ void add(const Delta& delta, const NormWeights& post) {
    uint4 words[kParts * kVectors];
    await(words, [&](int k) -> const void* {
      const int i = at(k % kVectors);
      return k / kVectors < delta.parts && i < shape_.hidden ? delta.data + k / kVectors * delta.part_stride + i
                                                             : nullptr;
    });
    __syncwarp();
    float4 sum[kVectors];
#pragma unroll
    for (int j = 0; j < kVectors; ++j) {
      sum[j] = as_floats(words[j]);
#pragma unroll
      for (int p = 1; p < kParts; ++p) sum[j] = plus(sum[j], as_floats(words[p * kVectors + j]));
    }
    if (post.weight != nullptr) {
      const NormFactors by = factors(sum, delta.shift(shape_));
#pragma unroll
      for (int j = 0; j < kVectors; ++j) {
        const int i = at(j);
        if (i < shape_.hidden) sum[j] = by.apply(sum[j], weight_at(post, i), bias_at(post, i));
      }
    }
#pragma unroll
    for (int j = 0; j < kVectors; ++j) x_[j] = plus(x_[j], sum[j]);
  }

  /// The row, normed, with zeros behind it to `stride` values: calls write(i, values i to i + 3).
  template <typename Write>
  __device__ __forceinline__ void norm(int stride, Write write) {
    const NormFactors by = factors(x_, mean_);
    mean_ = by.mean;  // near the next one, too
#pragma unroll
    for (int j = 0; j < kVectors; ++j) {
      if (at(j) >= stride) continue;
      write(at(j), at(j) < shape_.hidden ? by.apply(x_[j], weight_[j], bias_[j]) : float4{});
    }
  }

 private:
  __device__ bool has_mean() const {
    return shape_.norm == IB_NORM_LAYER;
  }
  __device__ int at(int j) const {
    return first_ + j * kStepVector;
  }

  /// A norm and the next one must not use the same moments: a block without items meets nowhere else.
  __device__ NormFactors factors(const float4 (&x)[kVectors], float shift) {
    place_ = kStepWarps - place_;
    Moments moments;
#pragma unroll
    for (int j = 0; j < kVectors; ++j) moments.add(x[j], shift, at(j), shape_.hidden);
    if (has_mean()) moments.sum = warp_sum(moments.sum);
    moments.squares = warp_sum(moments.squares);
    if (threadIdx.x % kWarp == 0) moments_[place_ + threadIdx.x / kWarp] = make_float2(moments.sum, moments.squares);
    sync_consumers();
    Moments all;
#pragma unroll
    for (int w = 0; w < kStepWarps; ++w) {
      const float2 part = moments_[place_ + w];
      all.sum += part.x, all.squares += part.y;
    }
    return NormFactors(all, shift, shape_, has_mean());
  }

  const Shape& shape_;
  float2* moments_;
  int first_;
  float4 x_[kVectors];
  float4 weight_[kVectors];
  float4 bias_[kVectors];
  float mean_ = 0;
  int place_ = 0;  // of the last norm's moments: 0 and kStepWarps in turn
};

}  // namespace inferbench::cuda_backend
