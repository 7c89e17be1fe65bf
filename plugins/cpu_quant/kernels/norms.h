// SPDX-License-Identifier: Apache-2.0
//
// Norms of rows and of heads, and the rotation of heads, over Vec (vec_*.h).
#pragma once

#include "kernels.h"
#include "vec_tails.h"

namespace {

using namespace inferbench::cpu_quant;  // NOLINT: this header is part of kernel files only

// Sum over a row of (x - shift), or of its square, in 64 partial sums: lane i % 64 takes element i.
template <bool kSquare>
inline float row_sum(const float* x, int32_t k, float shift) {
  Vec part[4] = {Vec::set(0.0F), Vec::set(0.0F), Vec::set(0.0F), Vec::set(0.0F)};
  const Vec center = Vec::set(shift);
  const auto take = [&](Vec v, Vec& to) { to = kSquare ? Vec::fma(v, v, to) : Vec::add(v, to); };
  int32_t i = 0;
  for (; i + 64 <= k; i += 64) {
    for (int32_t j = 0; j < 4; ++j) take(Vec::sub(Vec::load(x + i + 16 * j), center), part[j]);
  }
  for (int32_t j = 0; i < k; i += 16, ++j) {
    take(Vec::fill_from(Vec::sub(load_up_to(x + i, k - i), center), k - i, 0.0F), part[j]);
  }
  return Vec::sum(Vec::add(Vec::add(part[0], part[1]), Vec::add(part[2], part[3])));
}

// 1 / sqrt(mean of (x - shift)^2 + epsilon).
inline float inverse_deviation(const float* x, int32_t k, float shift, float epsilon) {
  return 1.0F / __builtin_sqrtf(row_sum<true>(x, k, shift) / static_cast<float>(k) + epsilon);
}

// out = RMS norm of n floats.
inline void rms_normalize(const float* x, int32_t n, const float* weight, float epsilon, float* out) {
  const Vec inverse = Vec::set(inverse_deviation(x, n, 0.0F, epsilon));
  for (int32_t i = 0; i < n; i += 16) {
    store_up_to(Vec::mul(Vec::mul(load_up_to(x + i, n - i), inverse), load_up_to(weight + i, n - i)), out + i, n - i);
  }
}

// out = the rotation of n floats by halves; may be x. `rotary`: n / 2 cosines and n / 2 sines.
inline void rotate(const float* x, int32_t n, const float* rotary, float* out) {
  const int32_t half = n / 2;
  for (int32_t i = 0; i < half; i += 16) {
    const int32_t count = half - i;
    const Vec a = load_up_to(x + i, count);
    const Vec b = load_up_to(x + half + i, count);
    const Vec cosine = load_up_to(rotary + i, count);
    const Vec sine = load_up_to(rotary + half + i, count);
    store_up_to(Vec::sub(Vec::mul(a, cosine), Vec::mul(b, sine)), out + i, count);
    store_up_to(Vec::add(Vec::mul(b, cosine), Vec::mul(a, sine)), out + half + i, count);
  }
}

// A head of a row, normalized (weight not null) and rotated (rotary not null): `room`, of n floats, or x itself where
// there is nothing to do.
inline const float* prepared_head(const float* x, int32_t n, const float* weight, float epsilon, const float* rotary,
                                  float* room) {
  if (weight != nullptr) {
    rms_normalize(x, n, weight, epsilon, room);
    x = room;
  }
  if (rotary == nullptr) return x;
  rotate(x, n, rotary, room);
  return room;
}

inline const float* rotary_of(const AttentionArgs& a, int32_t row) {
  return a.rotary == nullptr ? nullptr : a.rotary + row * a.rotary_stride;
}

}  // namespace
