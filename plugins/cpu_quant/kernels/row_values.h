// SPDX-License-Identifier: Apache-2.0
//
// What rows hold, over Vec (vec_*.h): values, normalized values, activations; rows.h and rows_amx.cpp write them.
#pragma once

#include "kernels.h"
#include "math.h"
#include "norms.h"
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

struct Norm {
  Vec mean;
  Vec inverse_deviation;
};

Norm norm_of(const float* x, int32_t k, const NormArgs& norm) {
  const float mean = norm.bias == nullptr ? 0.0F : row_sum<false>(x, k, 0.0F) / static_cast<float>(k);
  return {Vec::set(mean), Vec::set(inverse_deviation(x, k, mean, norm.epsilon))};
}

// n elements of a row from element 0 of each pointer; bias may be null.
void normalize(const float* x, int32_t n, const Norm& norm, const float* weight, const float* bias, float* out) {
  for (int32_t i = 0; i < n; i += 16) {
    const Vec unit = Vec::mul(Vec::sub(load_up_to(x + i, n - i), norm.mean), norm.inverse_deviation);
    const Vec by = load_up_to(weight + i, n - i);
    store_up_to(bias == nullptr ? Vec::mul(unit, by) : Vec::fma(unit, by, load_up_to(bias + i, n - i)), out + i, n - i);
  }
}

constexpr int32_t kChunk = 512;  // values that wait in the L1 cache between two steps

// Calls store(values, first, n) for part after part of a normalized row.
template <class F>
void normalize_by_chunks(const float* x, int32_t k, const NormArgs& args, F store) {
  alignas(64) float chunk[kChunk];
  const Norm norm = norm_of(x, k, args);
  for (int32_t first = 0; first < k; first += kChunk) {
    const int32_t n = inputs_of(k, first, kChunk);
    normalize(x + first, n, norm, args.weight + first, args.bias == nullptr ? nullptr : args.bias + first, chunk);
    store(chunk, first, n);
  }
}

// Calls use(function) with the activation as a function of a Vec.
template <class F>
void with_activation(int32_t activation, F use) {
  if (activation == kActivationGeluTanh) {
    use([](Vec v) { return gelu_tanh(v); });
  } else if (activation == kActivationGeluErf) {
    use([](Vec v) { return gelu_erf(v); });
  } else if (activation == kActivationSilu) {
    use([](Vec v) { return silu(v); });
  } else {
    use([](Vec v) { return relu(v); });
  }
}

void activate_part(float* x, int32_t n, int32_t activation) {
  with_activation(activation, [&](auto function) {
    for (int32_t i = 0; i < n; i += 16) store_up_to(function(load_up_to(x + i, n - i)), x + i, n - i);
  });
}

void activate_rows(float* x, int64_t stride, int32_t m, int32_t k, int32_t activation) {
  for (int32_t r = 0; r < m; ++r) activate_part(x + r * stride, k, activation);
}

// Values [first, first + n) of m rows of gates and ups by sixteens (RowKernels::from_gated) become x[first] and so on,
// in whole sixteens; earlier values are done already.
void gate_rows(float* x, int64_t stride, int32_t m, int32_t first, int32_t n, int32_t activation) {
  with_activation(activation, [&](auto function) {
    for (int32_t r = 0; r < m; ++r) {
      float* row = x + r * stride;
      for (int32_t i = first; i < first + n; i += 16) {
        const Vec up = Vec::load(row + 2 * i + 16);
        Vec::mul(function(Vec::load(row + 2 * i)), up).store(row + i);
      }
    }
  });
}

}  // namespace
