// SPDX-License-Identifier: Apache-2.0
// Rotation of one head by halves. Products and sums are rounded apart, so that vectors and single values agree.
#include "kernels/kernel_functions.hpp"
#include "kernels/vec.hpp"

namespace inferbench::cpu_ref::INFERBENCH_ISA {

void rotate(float* head, const float* cosines, const float* sines, int64_t half) {
  const int64_t whole = half / kLanes * kLanes;
  for (int64_t j = 0; j < whole; j += kLanes) {
    const Vec low = load(head + j);
    const Vec high = load(head + half + j);
    const Vec cosine = load(cosines + j);
    const Vec sine = load(sines + j);
    store(head + j, sub(mul(low, cosine), mul(high, sine)));
    store(head + half + j, add(mul(high, cosine), mul(low, sine)));
  }
  for (int64_t j = whole; j < half; ++j) {
    const float low = head[j];
    const float high = head[half + j];
    head[j] = low * cosines[j] - high * sines[j];
    head[half + j] = high * cosines[j] + low * sines[j];
  }
}

}  // namespace inferbench::cpu_ref::INFERBENCH_ISA
