// SPDX-License-Identifier: Apache-2.0
//
// The residual stream of models of a family, and what follows from it: norms that are applied after the product.
//
// A product is linear, so that W norm(x) = s W (g (x - m)) + W b, where m, s, g and b are the norm's mean, scale,
// weight and bias. Each warp multiplies its own slice of g (x - m') s' as soon as it is there, where m' and s' are the
// last norm's, which are near; only with the sums of all warps, for which they meet anyway, come the true mean and
// scale.
#pragma once

#include <type_traits>

#include "step.hpp"
#include "step_exchange.cuh"
#include "step_family.cuh"
#include "step_norm.cuh"
#include "step_ring.cuh"
#include "step_row_products.cuh"

namespace inferbench::cuda_backend {

/// All warps together hold the stream; a lane has 4 neighbouring values of each piece's slice. `kParts`: most parts of
/// what a product adds.
template <typename T, typename Traits, int kVectors, int kParts>
class StreamOfWarps {
 public:
  static constexpr bool kHasMean = Traits::kIsGpt;

  /// `moments`: 4 kStepWarps floats of shared memory. `product`: any that reads the stream. All warps call it.
  __device__ StreamOfWarps(const StepArguments& a, const StreamShape& product, std::uint32_t moments, int warp,
                           int lane)
      : shape_(a.model.shape), share_(a.plan.hidden_share), moments_(moments) {
    keep(moments_);
    const int in_piece = warp * product.slice_inputs + lane * 4;
    const bool in_slice = lane * 4 < product.slice_inputs && in_piece < product.piece_inputs;
    const Embedding<T> embedding(a.model, a.rows[0]);
#pragma unroll
    for (int j = 0; j < kVectors; ++j) {
      const int at = in_piece + j * product.piece_inputs;
      has_[j] = in_slice && at < a.model.shape.hidden;
      at_[j] = has_[j] ? at : 0;
      keep(at_[j]);
      x_[j] = has_[j] ? embedding.load(at) : float4{};
    }
    const float near = kHasMean ? embedding.load(0).x : 0.0F;
#pragma unroll
    for (int j = 0; j < kVectors; ++j) mean_[j] = has_[j] ? near : 0.0F;
    begin_moments();
#pragma unroll
    for (int k = 0; k < 4; ++k) add_moments(k);
    store_moments();
    sync_consumers();
    settle();
  }

  /// Fetches the weights of the next norm, while others still compute what it needs.
  __device__ __forceinline__ void prepare(const NormWeights& norm) {
#pragma unroll
    for (int j = 0; j < kVectors; ++j) weight_[j] = weight_at(norm, at_[j]);
  }

  /// Waits for what a product adds: [parts][part_stride].
  __device__ __forceinline__ void add(const float* data, int parts, int part_stride) {
    apply_scale();
    const std::int64_t stride = static_cast<std::int64_t>(part_stride) * 4;
    if (parts == 1) {
      add_parts<1>(data, stride, 1);
    } else if (kParts == 2 || parts == 2) {
      add_parts<2>(data, stride, 2);
    } else {
      add_parts<kParts>(data, stride, parts);
    }
  }
  /// What is done while others compute, where nothing is to be waited for.
  __device__ __forceinline__ void apply_scale() {
    inverse_ = __fdividef(1.0F, scale_ * kScaling);
#pragma unroll
    for (int j = 0; j < kVectors; ++j) {
      const float scale = has_[j] ? scale_ * kScaling : 0.0F;
      weight_[j] = make_float4(weight_[j].x * scale, weight_[j].y * scale, weight_[j].z * scale, weight_[j].w * scale);
    }
  }

  /// What the product is to multiply: calls write(piece, values); those of lanes behind a slice are zeros.
  template <typename Write>
  __device__ __forceinline__ void inputs(Write write) {
#pragma unroll
    for (int j = 0; j < kVectors; ++j) {
      const float m = mean_[j];
      const float4 x = kHasMean ? make_float4(x_[j].x - m, x_[j].y - m, x_[j].z - m, x_[j].w - m) : x_[j];
      write(j, make_float4(x.x * weight_[j].x, x.y * weight_[j].y, x.z * weight_[j].z, x.w * weight_[j].w));
    }
    begin_moments();
  }
  /// Step k, 0 to 3, of adding up the moments.
  __device__ __forceinline__ void add_moments(int k) {
    if (kHasMean) sum_ += __shfl_xor_sync(kAllLanes, sum_, 16 >> k);
    squares_ += __shfl_xor_sync(kAllLanes, squares_, 16 >> k);
  }
  /// The last step, for which the warps then meet.
  __device__ __forceinline__ void store_moments() {
    place_ ^= kPlace;
    if (kHasMean) sum_ += __shfl_xor_sync(kAllLanes, sum_, 1);
    squares_ += __shfl_xor_sync(kAllLanes, squares_, 1);
    if (threadIdx.x % kWarp != 0) return;
    const std::uint32_t to = moments_ + place_ + threadIdx.x / kWarp * 4;
    store_shared(to, squares_);
    if (kHasMean) store_shared(to + kStepWarps * 4, sum_);
  }
  /// When they have met: the true mean and scale.
  __device__ __forceinline__ void settle() {
    const float squares = sum_of_warps(moments_ + place_) * share_;
    const float offset = kHasMean ? sum_of_warps(moments_ + place_ + kStepWarps * 4) * share_ : 0.0F;
    scale_ = rsqrtf(fmaxf(squares - offset * offset, 0.0F) + shape_.epsilon);
    ratio_ = scale_ * inverse_;
    if (!kHasMean) return;
    shift_ = scale_ * offset;
#pragma unroll
    for (int j = 0; j < kVectors; ++j) mean_[j] += has_[j] ? offset : 0.0F;
  }
  /// The product with the normed stream. `folded`: the row times the norm's weight.
  __device__ __forceinline__ float normed(float product, float folded) const {
    return kHasMean ? product * ratio_ - shift_ * folded : product * ratio_;
  }

 private:
  /// The stream may have grown since the last norm, and binary16 ends at 65504; its least numbers are small enough.
  static constexpr float kScaling = std::is_same_v<T, __half> ? 1.0F / 64 : 1.0F;
  static constexpr std::uint32_t kPlace = 2 * kStepWarps * 4;  // bytes: squares, sums

  template <int kN>
  __device__ __forceinline__ void add_parts(const float* data, std::int64_t stride, int parts) {
    uint4 words[kVectors][kN];
    const std::byte* from[kVectors];
#pragma unroll
    for (int j = 0; j < kVectors; ++j) from[j] = reinterpret_cast<const std::byte*>(data + at_[j]);
    std::uint32_t most = 0;
    do {
      most = 0;
#pragma unroll
      for (int j = 0; j < kVectors; ++j) {
#pragma unroll
        for (int p = 0; p < kN; ++p) {
          words[j][p] = kN <= 2 || p < parts ? load_words4(from[j] + p * stride) : uint4{};
        }
      }
#pragma unroll
      for (int j = 0; j < kVectors; ++j) {
#pragma unroll
        for (int p = 0; p < kN; ++p) most = max(most, greatest(words[j][p]));
      }
    } while (__any_sync(kAllLanes, most == kAbsent));
#pragma unroll
    for (int j = 0; j < kVectors; ++j) {
      float4 sum = as_floats(words[j][0]);
#pragma unroll
      for (int p = 1; p < kN; ++p) sum = plus(sum, as_floats(words[j][p]));
      if (has_[j]) x_[j] = plus(x_[j], sum);
    }
  }

  __device__ __forceinline__ void begin_moments() {
    sum_ = squares_ = 0;
#pragma unroll
    for (int j = 0; j < kVectors; ++j) {
      const float values[4] = {x_[j].x - mean_[j], x_[j].y - mean_[j], x_[j].z - mean_[j], x_[j].w - mean_[j]};
      if (kHasMean) sum_ += (values[0] + values[1]) + (values[2] + values[3]);
      squares_ += (values[0] * values[0] + values[1] * values[1]) + (values[2] * values[2] + values[3] * values[3]);
    }
  }

  const Shape& shape_;
  const float& share_;
  std::uint32_t moments_;
  bool has_[kVectors];
  int at_[kVectors];  // the lane's first value of each piece; 0 where it has none
  float4 x_[kVectors];
  float4 weight_[kVectors];
  float mean_[kVectors];  // 0 where the lane has none
  float scale_ = 1;
  float inverse_ = 1;  // of the scale of the inputs
  float ratio_ = 1;
  float shift_ = 0;
  float sum_ = 0;
  float squares_ = 0;
  std::uint32_t place_ = 0;  // of the last moments: 0 and kPlace in turn
};

}  // namespace inferbench::cuda_backend
