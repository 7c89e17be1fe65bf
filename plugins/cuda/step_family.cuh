// SPDX-License-Identifier: Apache-2.0
//
// What a step's kernel knows of its models when it is compiled. What it need not decide, a layer need not wait for.
#pragma once

#include "inferbench/backend.h"
#include "step_plan.hpp"

namespace inferbench::cuda_backend {

template <StepFamily kFamily>
struct StepTraits {
  static constexpr bool kIsGpt = kFamily == StepFamily::kGpt;
  static constexpr bool kIsLlama = kFamily == StepFamily::kLlama;
  static constexpr bool kSimple = kIsGpt || kIsLlama;

  /// Norms subtract the mean and may have a bias.
  static __device__ bool has_layer_norm(const Shape& shape) {
    return kIsGpt || (!kIsLlama && shape.norm == IB_NORM_LAYER);
  }
  static __device__ bool is_gated(const Shape& shape) { return kIsLlama || (!kIsGpt && shape.gated != 0); }
  static __device__ std::int32_t activation(const Shape& shape) {
    if constexpr (kSimple) return kIsGpt ? IB_ACTIVATION_GELU_TANH : IB_ACTIVATION_SILU;
    return shape.activation;
  }
  static __device__ bool is_rotated(const LayerWeights& layer) { return !kIsGpt && layer.rotary_table >= 0; }
};

}  // namespace inferbench::cuda_backend
