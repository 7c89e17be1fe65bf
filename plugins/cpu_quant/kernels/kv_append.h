// SPDX-License-Identifier: Apache-2.0
//
// Writing keys and values into the KV cache, over Vec (vec_*.h).
#pragma once

#include "kv_cache.h"
#include "norms.h"
#include "vec_tails.h"

namespace {

// A row's floats as an element wants them before it is stored; `inverse` (int8 only) is 1 / scale, 0 for zeros.
template <class E>
Vec prepared(Vec v, float inverse) {
  if (sizeof(E) != 1) return v;
  const Vec magic = Vec::set(12582912.0F);  // 1.5 * 2^23: adding it rounds to an integer, held in the low bits
  return inverse > 0.0F ? Vec::add(Vec::mul(v, Vec::set(inverse)), magic) : magic;
}

inline void store_elements(Vec v, float* out) {
  v.store(out);
}
inline void store_elements(Vec v, uint16_t* out) {
  v.store_f16(out);
}
inline void store_elements(Vec v, int8_t* out) {
  v.store_low_bytes(out);
}

// The scale of n values for int8: largest magnitude / 127; 0 if that is below 1e-30; NaN if one is not finite.
inline float int8_scale(const float* x, int32_t n, float* inverse) {
  Vec largest = Vec::set(0.0F);
  for (int32_t i = 0; i < n; i += 16) {
    largest = Vec::max_bits(largest, Vec::abs(load_up_to(x + i, n - i)));
  }
  const float magnitude = __builtin_bit_cast(float, Vec::largest_bits(largest));
  *inverse = 0.0F;
  if (Vec::largest_bits(largest) >= 0x7f800000U) return __builtin_nanf("");
  if (magnitude < 1e-30F) return 0.0F;
  *inverse = 127.0F / magnitude;
  return magnitude / 127.0F;
}

// What a row of head_dim floats is multiplied by (int8 only), and its scale, else 1.
template <class E>
float scale_of(const float* x, int32_t head_dim, float* inverse) {
  *inverse = 0.0F;
  return sizeof(E) == 1 ? int8_scale(x, head_dim, inverse) : 1.0F;
}

// One row of head_dim floats as elements, written kStep apart from out on. Returns its scale.
template <int kStep, class E>
float write_row(const float* x, int32_t head_dim, E* out) {
  float inverse = 0.0F;
  const float scale = scale_of<E>(x, head_dim, &inverse);
  for (int32_t d = 0; d < head_dim; d += 16) {
    const int32_t n = inputs_of(head_dim, d, 16);
    const Vec v = prepared<E>(load_up_to(x + d, n), inverse);
    if (kStep == 1 && n == 16) {
      store_elements(v, out + d);
      continue;
    }
    E part[16];
    store_elements(v, part);
    for (int32_t i = 0; i < n; ++i) out[(d + i) * kStep] = part[i];
  }
  return scale;
}

// A whole block of keys: 16 rows, stride floats apart, side by side.
template <class E>
void write_key_block(const float* x, int64_t stride, int32_t head_dim, const KvBlock<E>& keys) {
  float inverse[kKvBlock];
  for (int32_t r = 0; r < kKvBlock; ++r) {
    const float scale = scale_of<E>(x + r * stride, head_dim, inverse + r);
    if (sizeof(E) == 1) keys.scales[r] = scale;
  }
  for (int32_t d = 0; d < head_dim; d += 16) {
    const int32_t n = inputs_of(head_dim, d, 16);
    Vec part[kKvBlock];
    for (int32_t r = 0; r < kKvBlock; ++r) part[r] = prepared<E>(load_up_to(x + r * stride + d, n), inverse[r]);
    Vec::transpose(part);
    for (int32_t i = 0; i < n; ++i) store_elements(part[i], keys.elements + (d + i) * kKvBlock);
  }
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

// The key of a row and head as the cache holds it, in `room` unless it is that already.
inline const float* key_of(const AttentionArgs& a, int32_t head, int32_t row, float* room) {
  return prepared_head(a.k + row * a.kv_stride + int64_t{head} * a.head_dim, a.head_dim, a.k_norm, a.norm_epsilon,
                       rotary_of(a, row), room);
}

// A whole block of keys, of rows from `row` on.
template <class E>
void append_keys(const AttentionArgs& a, int32_t head, int32_t row, const KvBlock<E>& keys) {
  auto* room = static_cast<float*>(a.scratch);
  if (a.k_norm == nullptr && a.rotary == nullptr) {
    return write_key_block(a.k + row * a.kv_stride + int64_t{head} * a.head_dim, a.kv_stride, a.head_dim, keys);
  }
  for (int32_t r = 0; r < kKvBlock; ++r) key_of(a, head, row + r, room + int64_t{r} * a.head_dim);
  write_key_block(room, a.head_dim, a.head_dim, keys);
}

template <class E>
void append_key(const AttentionArgs& a, const Cache<E>& cache, int32_t head, int32_t row) {
  const int32_t position = a.first_position + row;
  const int32_t i = position % kKvBlock;
  const KvBlock<E> keys = cache.keys(head, position);
  const float* key = key_of(a, head, row, static_cast<float*>(a.scratch));
  const float scale = write_row<kKvBlock>(key, a.head_dim, keys.elements + i);
  if (sizeof(E) == 1) keys.scales[i] = scale;
}

template <class E>
void append_value(const AttentionArgs& a, const Cache<E>& cache, int32_t head, int32_t row) {
  const int32_t position = a.first_position + row;
  const int32_t i = position % kKvBlock;
  const KvBlock<E> values = cache.values(head, position);
  const float scale = write_row<1>(a.v + row * a.kv_stride + int64_t{head} * a.head_dim, a.head_dim,
                                   values.elements + int64_t{i} * a.head_dim);
  if (sizeof(E) == 1) values.scales[i] = scale;
}

// Rows are far apart, and a processor's own prefetchers do not follow such strides.
inline void fetch_rows(const AttentionArgs& a, int32_t head, int32_t row) {
  const int64_t from = int64_t{head} * a.head_dim;
  for (int32_t r = row; r < a.n_rows && r < row + kKvBlock; ++r) {
    for (int32_t d = 0; d < a.head_dim; d += 16) {
      __builtin_prefetch(a.k + r * a.kv_stride + from + d);
      __builtin_prefetch(a.v + r * a.kv_stride + from + d);
    }
  }
}

template <class E>
void append(const AttentionArgs& a) {
  const Cache<E> cache(a);
  if (a.n_rows == 1) fetch_last_blocks(a, cache);
  for (int32_t head = 0; head < a.n_heads; ++head) {
    int32_t row = 0;
    while (row < a.n_rows) {
      const int32_t position = a.first_position + row;
      const bool whole = position % kKvBlock == 0 && a.n_rows - row >= kKvBlock;
      const int32_t n = whole ? kKvBlock : 1;
      if (whole) {
        fetch_rows(a, head, row + kKvBlock);
        append_keys(a, head, row, cache.keys(head, position));
      } else {
        append_key(a, cache, head, row);
      }
      for (int32_t r = row; r < row + n; ++r) append_value(a, cache, head, r);
      row += n;
    }
  }
}

void kv_append(const AttentionArgs* args) {
  with_element(args->kv_type, [&](auto element) { append<decltype(element)>(*args); });
}

}  // namespace
