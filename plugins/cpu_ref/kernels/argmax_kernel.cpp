// SPDX-License-Identifier: Apache-2.0
// The greatest of many: per stretch of 256 its maximum with vectors; only a stretch that wins is looked through.
#include "kernels/kernel_functions.hpp"
#include "kernels/vec.hpp"

namespace inferbench::cpu_ref {
namespace {

constexpr int64_t kStretch = 256;

INFERBENCH_INLINE float greatest_of(const float* x) {
  Vec top = set1(-__builtin_inff());
  for (int64_t i = 0; i < kStretch; i += kLanes) top = max(load(x + i), top);  // in this order a NaN is passed over
  float lanes[kLanes];
  store(lanes, top);
  float greatest = lanes[0];
  for (float lane : lanes) greatest = lane > greatest ? lane : greatest;
  return greatest;
}

}  // namespace

namespace INFERBENCH_ISA {

int64_t argmax(const float* x, int64_t n) {
  int64_t best = -1;
  for (int64_t begin = 0; begin < n; begin += kStretch) {
    const bool whole = begin + kStretch <= n;
    if (whole && best >= 0 && !(greatest_of(x + begin) > x[best])) continue;
    const int64_t end = whole ? begin + kStretch : n;
    for (int64_t i = begin; i < end; ++i) {
      if (x[i] == x[i] && (best < 0 || x[i] > x[best])) best = i;
    }
  }
  return best < 0 ? 0 : best;
}

}  // namespace INFERBENCH_ISA
}  // namespace inferbench::cpu_ref
