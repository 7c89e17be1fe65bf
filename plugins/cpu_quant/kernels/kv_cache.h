// SPDX-License-Identifier: Apache-2.0
//
// The KV cache over Vec (vec_*.h): writing keys and values, reading blocks of them as floats. Included by the attention
// files, after their Vec.
#pragma once

#include "kernels.h"

namespace {

using namespace inferbench::cpu_quant;  // NOLINT: this header is part of kernel files only

template <class E>
Vec load_elements(const E* p);
template <>
inline Vec load_elements<float>(const float* p) {
  return Vec::load(p);
}
template <>
inline Vec load_elements<uint16_t>(const uint16_t* p) {
  return Vec::load_f16(p);
}
template <>
inline Vec load_elements<int8_t>(const int8_t* p) {
  return Vec::load_i8(p);
}

// The first n of 16; the rest is 0 and not read.
template <class E>
Vec load_elements_part(const E* p, int32_t n) {
  if (n >= 16) return load_elements(p);
  E copy[16] = {};
  for (int32_t i = 0; i < n; ++i) copy[i] = p[i];
  return load_elements(copy);
}

// The parts of one head's cache with elements of type E.
template <class E>
struct Cache {
  E* keys;
  E* values;
  float* key_scale;  // int8 only, else null
  float* value_scale;

  explicit Cache(const AttentionArgs& a)
      : keys(reinterpret_cast<E*>(a.cache)),
        values(reinterpret_cast<E*>(a.cache + kv_value_offset(a.kv_type, a.capacity, a.head_dim))),
        key_scale(nullptr),
        value_scale(nullptr) {
    if (a.kv_type != kKvInt8) return;
    key_scale = reinterpret_cast<float*>(a.cache + kv_key_scale_offset(a.kv_type, a.capacity, a.head_dim));
    value_scale = reinterpret_cast<float*>(a.cache + kv_value_scale_offset(a.kv_type, a.capacity, a.head_dim));
  }
};

// n <= 16 floats as elements; `inverse` (int8 only) is 1 / scale.
inline void to_elements(Vec v, float /*inverse*/, float* out) {
  v.store(out);
}
inline void to_elements(Vec v, float /*inverse*/, uint16_t* out) {
  v.store_f16(out);
}
inline void to_elements(Vec v, float inverse, int8_t* out) {
  Vec::add(Vec::mul(v, Vec::set(inverse)), Vec::set(12582912.0F)).store_low_bytes(out);
}

// The scale of n values for int8: largest magnitude / 127; 0 if that is below 1e-30; NaN if one is not finite.
inline float int8_scale(const float* x, int32_t n, float* inverse) {
  Vec largest = Vec::set(0.0F);
  for (int32_t i = 0; i < n; i += 16) {
    largest = Vec::max_bits(largest, Vec::abs(n - i >= 16 ? Vec::load(x + i) : Vec::load_part(x + i, n - i)));
  }
  const float magnitude = __builtin_bit_cast(float, Vec::largest_bits(largest));
  *inverse = 0.0F;
  if (Vec::largest_bits(largest) >= 0x7f800000U) return __builtin_nanf("");
  if (magnitude < 1e-30F) return 0.0F;
  *inverse = 127.0F / magnitude;
  return magnitude / 127.0F;
}

// One row of head_dim floats as elements, written `step` elements apart from out on. Returns its scale (int8), else 1.
template <class E>
float write_row(const float* x, int32_t head_dim, E* out, int64_t step) {
  float inverse = 0.0F;
  float scale = 1.0F;
  if (sizeof(E) == 1) scale = int8_scale(x, head_dim, &inverse);
  const bool skip = sizeof(E) == 1 && !(scale > 0.0F);  // zeros; the scale says what they stand for
  for (int32_t d = 0; d < head_dim; d += 16) {
    E part[16] = {};
    const int32_t n = head_dim - d < 16 ? head_dim - d : 16;
    if (!skip) to_elements(n == 16 ? Vec::load(x + d) : Vec::load_part(x + d, n), inverse, part);
    for (int32_t i = 0; i < n; ++i) out[(d + i) * step] = part[i];
  }
  return scale;
}

template <class E>
void append(const AttentionArgs& a) {
  const Cache<E> cache(a);
  for (int32_t r = 0; r < a.n_rows; ++r) {
    const int64_t position = a.first_position + r;
    E* key = cache.keys + position / kKvBlock * a.head_dim * kKvBlock + position % kKvBlock;
    const float key_scale = write_row(a.k + r * a.kv_stride, a.head_dim, key, kKvBlock);
    const float value_scale = write_row(a.v + r * a.kv_stride, a.head_dim, cache.values + position * a.head_dim, 1);
    if (sizeof(E) == 1) {
      cache.key_scale[position] = key_scale;
      cache.value_scale[position] = value_scale;
    }
  }
}

void kv_append(const AttentionArgs* args) {
  if (args->kv_type == kKvF32) {
    append<float>(*args);
  } else if (args->kv_type == kKvF16) {
    append<uint16_t>(*args);
  } else {
    append<int8_t>(*args);
  }
}

}  // namespace
