// SPDX-License-Identifier: Apache-2.0
// What some versions of libtorch lack. This is the one place that asks for the version.
#pragma once

#include <ATen/ATen.h>
#include <torch/csrc/api/include/torch/version.h>

#include <optional>

#define INFERBENCH_TORCH_SINCE(major, minor) \
  (TORCH_VERSION_MAJOR > (major) || (TORCH_VERSION_MAJOR == (major) && TORCH_VERSION_MINOR >= (minor)))

namespace inferbench::torch_backend {

#if INFERBENCH_TORCH_SINCE(2, 5)
using OptionalTensor = std::optional<at::Tensor>;
#else
using OptionalTensor = c10::optional<at::Tensor>;
#endif

#if INFERBENCH_TORCH_SINCE(2, 1)
inline constexpr bool kHasFusedAttention = true;
#else
inline constexpr bool kHasFusedAttention = false;
#endif

/// scaled_dot_product_attention: q [batch, heads, rows, head_dim], keys and values [batch, heads, keys, head_dim] ->
/// [batch, heads, rows, head_dim]. `mask` [rows, keys] is added to the scores, or undefined; `is_causal`: row i sees
/// keys 0 to i. Only where kHasFusedAttention.
inline at::Tensor fused_attention(const at::Tensor& q, const at::Tensor& keys, const at::Tensor& values,
                                  const at::Tensor& mask, bool is_causal, double scale) {
#if INFERBENCH_TORCH_SINCE(2, 1)
  if (!mask.defined()) return at::scaled_dot_product_attention(q, keys, values, {}, 0, is_causal, scale);
  return at::scaled_dot_product_attention(q, keys, values, mask, 0, is_causal, scale);
#else
  static_cast<void>(keys), static_cast<void>(values), static_cast<void>(mask);
  static_cast<void>(is_causal), static_cast<void>(scale);
  TORCH_CHECK(false, "this libtorch has no fused attention");
  return q;
#endif
}

/// Keeps cuDNN out of fused_attention: it builds a plan for each number of keys, which is another one at every token.
inline void keep_attention_off_cudnn() {
#if INFERBENCH_TORCH_SINCE(2, 5)
  at::globalContext().setSDPUseCuDNN(false);
#endif
}

#if INFERBENCH_TORCH_SINCE(2, 4)
inline constexpr bool kHasRmsNorm = true;
#else
inline constexpr bool kHasRmsNorm = false;
#endif

/// Only where kHasRmsNorm.
inline at::Tensor library_rms_norm(const at::Tensor& x, const at::Tensor& weight, double epsilon) {
#if INFERBENCH_TORCH_SINCE(2, 4)
  return at::rms_norm(x, {weight.size(0)}, weight, epsilon);
#else
  static_cast<void>(weight), static_cast<void>(epsilon);
  TORCH_CHECK(false, "this libtorch has no rms_norm");
  return x;
#endif
}

}  // namespace inferbench::torch_backend
