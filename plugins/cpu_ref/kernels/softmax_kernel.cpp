// SPDX-License-Identifier: Apache-2.0
// One row of attention scores; sums in 16 lanes, then as a tree.
#include "kernels/kernel_functions.hpp"
#include "kernels/vec.hpp"

namespace inferbench::cpu_ref::INFERBENCH_ISA {

void softmax(float* scores, int64_t n, int64_t padded, float scale) {
  constexpr float kLowest = -3.0e38F;
  const int64_t whole = (n + kBlock - 1) / kBlock * kBlock;  // at most padded
  for (int64_t i = n; i < whole; ++i) scores[i] = kLowest;

  // The greatest scaled score.
  float lanes[kBlock];
  Vec top[kVecs];
  for (unsigned v = 0; v < kVecs; ++v) top[v] = set1(kLowest);
  for (int64_t i = 0; i < n; i += kBlock) {
    for (unsigned v = 0; v < kVecs; ++v) {
      float* at = scores + i + v * kLanes;
      const Vec scaled = mul(load(at), set1(scale));
      store(at, scaled);
      top[v] = max(top[v], scaled);
    }
  }
  for (int64_t i = n; i < whole; ++i) scores[i] = kLowest;
  for (unsigned v = 0; v < kVecs; ++v) store(lanes + v * kLanes, top[v]);
  float greatest = lanes[0];
  for (float lane : lanes) greatest = lane > greatest ? lane : greatest;

  // e^(score - greatest) and its sum; the padding contributes 1e-38, below half an ulp of a sum that is at least 1.
  Vec sums[kVecs];
  for (unsigned v = 0; v < kVecs; ++v) sums[v] = set1(0.0F);
  for (int64_t i = 0; i < n; i += kBlock) {
    for (unsigned v = 0; v < kVecs; ++v) {
      float* at = scores + i + v * kLanes;
      const Vec value = exp(sub(load(at), set1(greatest)));
      store(at, value);
      sums[v] = add(sums[v], value);
    }
  }
  for (unsigned v = 0; v < kVecs; ++v) store(lanes + v * kLanes, sums[v]);
  const Vec factor = set1(1.0F / tree_sum(lanes));

  for (int64_t i = 0; i < n; i += kLanes) store(scores + i, mul(load(scores + i), factor));
  for (int64_t i = n; i < padded; ++i) scores[i] = 0.0F;
}

}  // namespace inferbench::cpu_ref::INFERBENCH_ISA
