// SPDX-License-Identifier: Apache-2.0
//
// The last vector of a row, over Vec (vec_*.h).
#pragma once

#include <stdint.h>

namespace {

inline Vec load_up_to(const float* x, int32_t n) {
  return n >= 16 ? Vec::load(x) : Vec::load_part(x, n);
}

inline void store_up_to(Vec v, float* x, int32_t n) {
  if (n >= 16) {
    v.store(x);
  } else {
    v.store_part(x, n);
  }
}

}  // namespace
