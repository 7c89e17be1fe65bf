// SPDX-License-Identifier: Apache-2.0
//
// What rows hold, over Vec (vec_*.h): values, normalized values, activations; rows.h and rows_amx.cpp write them.
#pragma once

#include "kernels.h"
#include "math.h"
#include "vec_tails.h"

namespace {

// The value that a signed row encodes.
struct Signed {
  static constexpr float kLargest = 127.0F;
  static constexpr float kInverse = 1.0F / 127.0F;
  static constexpr bool kUnsigned = false;
  [[nodiscard]] Vec operator()(Vec x) const { return x; }
};

// The value that an unsigned row encodes.
struct Unsigned {
  static constexpr float kLargest = 255.0F;
  static constexpr float kInverse = 1.0F / 255.0F;
  static constexpr bool kUnsigned = true;
  Vec shift;
  [[nodiscard]] Vec operator()(Vec x) const { return Vec::max(Vec::set(0.0F), Vec::add(x, shift)); }
};

// Values i to i + 15 of n as the row's kind wants them; 0 from n on.
template <class Kind>
Vec value_at(const float* x, int32_t i, int32_t n, const Kind& kind) {
  if (i + 16 <= n) return kind(Vec::load(x + i));
  if (i >= n) return Vec::set(0.0F);
  return Vec::fill_from(kind(Vec::load_part(x + i, n - i)), n - i, 0.0F);
}

// Sum over a row of (x - shift), or of its square, in 64 partial sums: lane i % 64 takes element i.
template <bool kSquare>
float row_sum(const float* x, int32_t k, float shift) {
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

struct Norm {
  Vec mean;
  Vec inverse_deviation;
};

Norm norm_of(const float* x, int32_t k, float epsilon) {
  const float mean = row_sum<false>(x, k, 0.0F) / static_cast<float>(k);
  const float variance = row_sum<true>(x, k, mean) / static_cast<float>(k);
  return {Vec::set(mean), Vec::set(1.0F / __builtin_sqrtf(variance + epsilon))};
}

// n elements of a row from element 0 of each pointer.
void normalize(const float* x, int32_t n, const Norm& norm, const float* weight, const float* bias, float* out) {
  for (int32_t i = 0; i < n; i += 16) {
    const Vec unit = Vec::mul(Vec::sub(load_up_to(x + i, n - i), norm.mean), norm.inverse_deviation);
    store_up_to(Vec::fma(unit, load_up_to(weight + i, n - i), load_up_to(bias + i, n - i)), out + i, n - i);
  }
}

constexpr int32_t kChunk = 512;  // values that wait in the L1 cache between two steps

// Calls store(values, first, n) for part after part of a normalized row.
template <class F>
void normalize_by_chunks(const float* x, int32_t k, const float* weight, const float* bias, float epsilon, F store) {
  alignas(64) float chunk[kChunk];
  const Norm norm = norm_of(x, k, epsilon);
  for (int32_t first = 0; first < k; first += kChunk) {
    const int32_t n = inputs_of(k, first, kChunk);
    normalize(x + first, n, norm, weight + first, bias + first, chunk);
    store(chunk, first, n);
  }
}

template <class F>
void activate(float* x, int32_t n, F function) {
  for (int32_t i = 0; i < n; i += 16) store_up_to(function(load_up_to(x + i, n - i)), x + i, n - i);
}

void activate_part(float* x, int32_t n, int32_t activation) {
  if (activation == kActivationGeluTanh) {
    activate(x, n, [](Vec v) { return gelu_tanh(v); });
  } else if (activation == kActivationGeluErf) {
    activate(x, n, [](Vec v) { return gelu_erf(v); });
  } else {
    activate(x, n, [](Vec v) { return relu(v); });
  }
}

void activate_rows(float* x, int64_t stride, int32_t m, int32_t k, int32_t activation) {
  for (int32_t r = 0; r < m; ++r) activate_part(x + r * stride, k, activation);
}

}  // namespace
