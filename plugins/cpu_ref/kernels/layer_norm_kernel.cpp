// SPDX-License-Identifier: Apache-2.0
// One row of layer normalization: mean, then the squares of what is left, each in 16 lanes, then the result.
#include "kernels/kernel_functions.hpp"
#include "kernels/vec.hpp"

namespace inferbench::cpu_ref {
namespace {

// Sum over i < width of (x[i] - center)^(squared ? 2 : 1).
INFERBENCH_INLINE float sum_around(const float* x, int64_t width, float center, bool squared) {
  Vec sums[kVecs];
  for (unsigned v = 0; v < kVecs; ++v) sums[v] = set1(0.0F);
  const Vec middle = set1(center);
  const int64_t whole = width / kBlock * kBlock;
  for (int64_t i = 0; i < whole; i += kBlock) {
    for (unsigned v = 0; v < kVecs; ++v) {
      const Vec value = sub(load(x + i + v * kLanes), middle);
      sums[v] = squared ? madd(value, value, sums[v]) : add(sums[v], value);
    }
  }
  float lanes[kBlock];
  for (unsigned v = 0; v < kVecs; ++v) store(lanes + v * kLanes, sums[v]);
  for (int64_t i = whole; i < width; ++i) {
    const float value = x[i] - center;
    float& lane = lanes[i - whole];
    lane = squared ? madd1(value, value, lane) : lane + value;
  }
  return tree_sum(lanes);
}

}  // namespace

namespace INFERBENCH_ISA {

void layer_norm(const float* x, const float* weight, const float* bias, int64_t width, float epsilon, float* y) {
  const auto count = static_cast<float>(width);
  const float mean = sum_around(x, width, 0.0F, false) / count;
  const float variance = sum_around(x, width, mean, true) / count;
  const float deviation = _mm_cvtss_f32(_mm_sqrt_ss(_mm_set_ss(variance + epsilon)));
  const float factor = 1.0F / deviation;
  const int64_t whole = width / kLanes * kLanes;
  for (int64_t i = 0; i < whole; i += kLanes) {
    const Vec value = mul(sub(load(x + i), set1(mean)), set1(factor));
    store(y + i, madd(value, load(weight + i), load(bias + i)));
  }
  for (int64_t i = whole; i < width; ++i) y[i] = madd1((x[i] - mean) * factor, weight[i], bias[i]);
}

}  // namespace INFERBENCH_ISA
}  // namespace inferbench::cpu_ref
