// SPDX-License-Identifier: Apache-2.0
//
// Writing keys and values into the KV cache, over Vec (vec_*.h).
#pragma once

#include "kv_cache.h"

namespace {

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

// A row writes into every line of its block of keys: fetched all at once, rather than as one store after the other
// asks.
template <class E>
void fetch_last_blocks(const AttentionArgs& a, const Cache<E>& cache) {
  constexpr int32_t kLine = 64 / static_cast<int32_t>(sizeof(E));
  const int32_t i = a.first_position % kKvBlock;
  for (int32_t head = 0; head < a.n_heads; ++head) {
    const E* keys = cache.keys(head, a.first_position).elements;
    const E* values = cache.values(head, a.first_position).elements + i * a.head_dim;
    for (int32_t at = 0; at < a.head_dim * kKvBlock; at += kLine) __builtin_prefetch(keys + at, 1);
    for (int32_t at = 0; at < a.head_dim; at += kLine) __builtin_prefetch(values + at, 1);
  }
}

template <class E>
void append_row(const AttentionArgs& a, const Cache<E>& cache, int32_t head, int32_t row) {
  const int32_t position = a.first_position + row;
  const int32_t i = position % kKvBlock;
  const int64_t from = row * a.kv_stride + int64_t{head} * a.head_dim;
  const KvBlock<E> keys = cache.keys(head, position);
  const KvBlock<E> values = cache.values(head, position);
  const float key_scale = write_row(a.k + from, a.head_dim, keys.elements + i, kKvBlock);
  const float value_scale = write_row(a.v + from, a.head_dim, values.elements + int64_t{i} * a.head_dim, 1);
  if (sizeof(E) != 1) return;
  keys.scales[i] = key_scale;
  values.scales[i] = value_scale;
}

template <class E>
void append(const AttentionArgs& a) {
  const Cache<E> cache(a);
  if (a.n_rows == 1) fetch_last_blocks(a, cache);
  for (int32_t head = 0; head < a.n_heads; ++head) {
    for (int32_t r = 0; r < a.n_rows; ++r) append_row(a, cache, head, r);
  }
}

void kv_append(const AttentionArgs* args) {
  with_element(args->kv_type, [&](auto element) { append<decltype(element)>(*args); });
}

}  // namespace
