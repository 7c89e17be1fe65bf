// SPDX-License-Identifier: Apache-2.0
// One row of a norm. Layer norm: the mean, then the squares of what is left, each summed in 16 lanes, then the result.
// RMS norm: the same without a mean.
#include "kernels/kernel_functions.hpp"
#include "kernels/vec.hpp"

namespace inferbench::cpu_ref {
namespace {

// Sum over i < n of (x[i] - center)^(squared ? 2 : 1).
INFERBENCH_INLINE float sum_around(const float* x, int64_t n, float center, bool squared) {
  Vec sums[kVecs];
  for (unsigned v = 0; v < kVecs; ++v) sums[v] = set1(0.0F);
  const Vec middle = set1(center);
  const int64_t whole = n / kBlock * kBlock;
  for (int64_t i = 0; i < whole; i += kBlock) {
    for (unsigned v = 0; v < kVecs; ++v) {
      const Vec value = sub(load(x + i + v * kLanes), middle);
      sums[v] = squared ? madd(value, value, sums[v]) : add(sums[v], value);
    }
  }
  float lanes[kBlock];
  for (unsigned v = 0; v < kVecs; ++v) store(lanes + v * kLanes, sums[v]);
  for (int64_t i = whole; i < n; ++i) {
    const float value = x[i] - center;
    float& lane = lanes[i - whole];
    lane = squared ? madd1(value, value, lane) : lane + value;
  }
  return tree_sum(lanes);
}

INFERBENCH_INLINE float reciprocal_root(float x) {
  return 1.0F / _mm_cvtss_f32(_mm_sqrt_ss(_mm_set_ss(x)));
}

}  // namespace

namespace INFERBENCH_ISA {

void layer_norm(const float* x, const float* weight, const float* bias, int64_t n, float epsilon, float* y) {
  const auto count = static_cast<float>(n);
  const float mean = sum_around(x, n, 0.0F, false) / count;
  const float variance = sum_around(x, n, mean, true) / count;
  const float factor = reciprocal_root(variance + epsilon);
  const int64_t whole = n / kLanes * kLanes;
  for (int64_t i = 0; i < whole; i += kLanes) {
    const Vec value = mul(sub(load(x + i), set1(mean)), set1(factor));
    store(y + i, madd(value, load(weight + i), load(bias + i)));
  }
  for (int64_t i = whole; i < n; ++i) y[i] = madd1((x[i] - mean) * factor, weight[i], bias[i]);
}

void rms_norm(const float* x, const float* weight, int64_t n, float epsilon, float* y) {
  const float factor = reciprocal_root(sum_around(x, n, 0.0F, true) / static_cast<float>(n) + epsilon);
  const int64_t whole = n / kLanes * kLanes;
  for (int64_t i = 0; i < whole; i += kLanes) store(y + i, mul(mul(load(x + i), set1(factor)), load(weight + i)));
  for (int64_t i = whole; i < n; ++i) y[i] = x[i] * factor * weight[i];
}

}  // namespace INFERBENCH_ISA
}  // namespace inferbench::cpu_ref
