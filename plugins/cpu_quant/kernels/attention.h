// SPDX-License-Identifier: Apache-2.0
//
// Causal attention of one head over Vec (vec_*.h). Many rows: blocks of rows against blocks of keys with an online
// softmax (running maximum and sum, Milakov and Gimelshein 2018; blocked as in Dao et al. 2022), products in register
// tiles. Few rows: one after the other over all of its keys.
#pragma once

#include "kernels.h"
#include "kv_cache.h"
#include "math.h"

namespace {

constexpr int32_t kDecodeRows = 3;  // up to here, converting a block of keys for several rows costs more than it saves

int32_t at_most(int32_t value, int32_t bound) {
  return value < bound ? value : bound;
}

// An array bound.
constexpr uint64_t count(int n) {
  return static_cast<uint64_t>(n);
}

// acc[r][c] += sum over i of a[r * a_stride + i] * b[i * b_stride + 16 c .. + 16].
template <int kRows, int kVecs>
inline void multiply_tile(const float* a, int64_t a_stride, const float* b, int64_t b_stride, int32_t inner,
                          Vec (&acc)[count(kRows)][count(kVecs)]) {
  for (int32_t i = 0; i < inner; ++i) {
    Vec column[count(kVecs)];
    for (int c = 0; c < kVecs; ++c) column[c] = Vec::load(b + i * b_stride + 16 * c);
    for (int r = 0; r < kRows; ++r) {
      const Vec factor = Vec::set(a[r * a_stride + i]);
      for (int c = 0; c < kVecs; ++c) acc[r][c] = Vec::madd(factor, column[c], acc[r][c]);
    }
  }
}

// out[r][16 c ..] = factor[r] * out[r][16 c ..] + a * b, as multiply_tile; kFresh: without the first part.
template <bool kFresh, int kVecs>
void product_tile(const float* a, int64_t a_stride, const float* b, int64_t b_stride, int32_t inner,
                  const float* factor, float* out, int64_t out_stride) {
  Vec acc[count(Vec::kTileRows)][count(kVecs)];
  for (int r = 0; r < Vec::kTileRows; ++r) {
    for (int c = 0; c < kVecs; ++c) {
      acc[r][c] = kFresh ? Vec::set(0.0F) : Vec::mul(Vec::load(out + r * out_stride + 16 * c), Vec::set(factor[r]));
    }
  }
  multiply_tile<Vec::kTileRows, kVecs>(a, a_stride, b, b_stride, inner, acc);
  for (int r = 0; r < Vec::kTileRows; ++r) {
    for (int c = 0; c < kVecs; ++c) acc[r][c].store(out + r * out_stride + 16 * c);
  }
}

// The same for any number of vectors.
template <bool kFresh>
void product(const float* a, int64_t a_stride, const float* b, int64_t b_stride, int32_t inner, const float* factor,
             float* out, int64_t out_stride, int32_t vecs) {
  int32_t c = 0;
  for (; c + Vec::kTileVecs <= vecs; c += Vec::kTileVecs) {
    product_tile<kFresh, Vec::kTileVecs>(a, a_stride, b + 16 * c, b_stride, inner, factor, out + 16 * c, out_stride);
  }
  for (; c < vecs; ++c) {
    product_tile<kFresh, 1>(a, a_stride, b + 16 * c, b_stride, inner, factor, out + 16 * c, out_stride);
  }
}

// A block of rows in scratch memory; dims is head_dim rounded up to 16.
struct RowBlock {
  int32_t dims;
  int32_t n_rows;
  int32_t first_position;
  float* keys;     // [head_dim][kAttentionKeys]
  float* values;   // [kAttentionKeys][dims]
  float* q;        // [kAttentionRows][dims], times the scale
  float* out;      // [kAttentionRows][dims]
  float* p;        // [kAttentionRows][kAttentionKeys]
  float* sum;      // [kAttentionRows][16]
  float* largest;  // [kAttentionRows]
  float* factor;   // [kAttentionRows]

  RowBlock(const AttentionArgs& a, int32_t first_row)
      : dims(static_cast<int32_t>(round_up(a.head_dim, 16))),
        n_rows(at_most(a.n_rows - first_row, kAttentionRows)),
        first_position(a.first_position + first_row),
        keys(static_cast<float*>(a.scratch)),
        values(keys + int64_t{kAttentionKeys} * dims),
        q(values + int64_t{kAttentionKeys} * dims),
        out(q + int64_t{kAttentionRows} * dims),
        p(out + int64_t{kAttentionRows} * dims),
        sum(p + int64_t{kAttentionRows} * kAttentionKeys),
        largest(sum + int64_t{kAttentionRows} * 16),
        factor(largest + kAttentionRows) {}

  // Keys of the block from `key` on that row r sees.
  [[nodiscard]] int32_t visible(int32_t r, int32_t key) const {
    return at_most(first_position + r + 1 - key, kAttentionKeys);
  }
};

void load_query(const float* q, float scale, int32_t head_dim, float* out) {
  for (int32_t d = 0; d < head_dim; d += 16) {
    const int32_t n = head_dim - d;
    Vec::mul(n >= 16 ? Vec::load(q + d) : Vec::load_part(q + d, n), Vec::set(scale)).store(out + d);
  }
}

void start_rows(const AttentionArgs& a, int32_t first_row, const RowBlock& block) {
  for (int32_t r = 0; r < round_up(block.n_rows, Vec::kTileRows); ++r) {
    for (int32_t d = 0; d < block.dims; d += 16) {
      Vec::set(0.0F).store(block.q + r * block.dims + d);
      Vec::set(0.0F).store(block.out + r * block.dims + d);
    }
    Vec::set(0.0F).store(block.sum + r * 16);
    block.largest[r] = -__builtin_inff();
    block.factor[r] = 1.0F;
    if (r < block.n_rows) load_query(a.q + (first_row + r) * a.q_stride, a.scale, a.head_dim, block.q + r * block.dims);
  }
}

// n keys and values from position `key` on as floats.
template <class E>
void load_block(const AttentionArgs& a, const Cache<E>& cache, int32_t key, int32_t n, const RowBlock& block) {
  for (int32_t j = 0; j < n; j += kKvBlock) {
    const E* from = cache.keys + (key + j) * int64_t{a.head_dim};
    const Vec scale = sizeof(E) == 1 ? Vec::load(cache.key_scale + key + j) : Vec::set(1.0F);
    for (int32_t d = 0; d < a.head_dim; ++d) {
      Vec v = load_elements(from + d * kKvBlock);
      if (sizeof(E) == 1) v = Vec::mul(v, scale);
      v.store(block.keys + d * kAttentionKeys + j);
    }
  }
  for (int32_t i = 0; i < n; ++i) {
    const E* from = cache.values + (key + i) * int64_t{a.head_dim};
    const Vec scale = Vec::set(sizeof(E) == 1 ? cache.value_scale[key + i] : 1.0F);
    for (int32_t d = 0; d < a.head_dim; d += 16) {
      Vec v = load_elements_part(from + d, a.head_dim - d);
      if (sizeof(E) == 1) v = Vec::mul(v, scale);
      v.store(block.values + i * block.dims + d);
    }
  }
}

// Scores of one row to probabilities relative to the running maximum; the first n of `vecs` vectors count.
void soften_row(const RowBlock& block, int32_t r, int32_t n, int32_t vecs) {
  float* p = block.p + r * kAttentionKeys;
  if (n <= 0) {
    for (int32_t c = 0; c < vecs; ++c) Vec::set(0.0F).store(p + 16 * c);
    block.factor[r] = 1.0F;
    return;
  }
  const float lowest = -__builtin_inff();
  Vec score[kAttentionKeys / 16];
  Vec largest = Vec::set(block.largest[r]);
  for (int32_t c = 0; c < vecs; ++c) {
    score[c] = Vec::fill_from(Vec::load(p + 16 * c), n - 16 * c, lowest);
    largest = Vec::max(score[c], largest);
  }
  const float before = block.largest[r];
  const float now = Vec::largest(largest);
  Vec sum = Vec::load(block.sum + 16 * r);
  block.factor[r] = 1.0F;
  if (now != before) {
    const Vec factor = vec_exp(Vec::set(before - now));
    factor.store_part(block.factor + r, 1);
    sum = Vec::mul(sum, factor);
  }
  for (int32_t c = 0; c < vecs; ++c) {
    score[c] = vec_exp(Vec::sub(score[c], Vec::set(now)));
    sum = Vec::add(sum, score[c]);
    score[c].store(p + 16 * c);
  }
  sum.store(block.sum + 16 * r);
  block.largest[r] = now;
}

void attend_block(const AttentionArgs& a, int32_t key, const RowBlock& block) {
  for (int32_t r = 0; r < block.n_rows; r += Vec::kTileRows) {
    const int32_t n = block.visible(at_most(r + Vec::kTileRows, block.n_rows) - 1, key);
    if (n <= 0) continue;
    const int32_t vecs = (n + 15) / 16;
    float* p = block.p + r * kAttentionKeys;
    product<true>(block.q + r * block.dims, block.dims, block.keys, kAttentionKeys, a.head_dim, nullptr, p,
                  kAttentionKeys, vecs);
    for (int32_t i = r; i < r + Vec::kTileRows; ++i) {
      soften_row(block, i, i < block.n_rows ? block.visible(i, key) : 0, vecs);
    }
    product<false>(p, kAttentionKeys, block.values, block.dims, n, block.factor + r, block.out + r * block.dims,
                   block.dims, block.dims / 16);
  }
}

// out[i] = in[i] / divisor, n of them.
void write_quotient(const float* in, float divisor, int32_t n, float* out) {
  const Vec by = Vec::set(divisor);
  for (int32_t d = 0; d < n; d += 16) {
    const Vec v = Vec::div(Vec::load(in + d), by);
    if (n - d >= 16) {
      v.store(out + d);
    } else {
      v.store_part(out + d, n - d);
    }
  }
}

template <class E>
void attend_rows(const AttentionArgs& a, const Cache<E>& cache, int32_t first_row) {
  const RowBlock block(a, first_row);
  start_rows(a, first_row, block);
  const int32_t n_keys = block.first_position + block.n_rows;
  for (int32_t key = 0; key < n_keys; key += kAttentionKeys) {
    load_block(a, cache, key, at_most(n_keys - key, kAttentionKeys), block);
    attend_block(a, key, block);
  }
  for (int32_t r = 0; r < block.n_rows; ++r) {
    write_quotient(block.out + r * block.dims, Vec::sum(Vec::load(block.sum + 16 * r)), a.head_dim,
                   a.out + (first_row + r) * a.out_stride);
  }
}

// Memory that will be read soon, fetched into the L2 cache a little at a time between other work.
class Ahead {
 public:
  Ahead(const void* data, int64_t bytes) : at_(static_cast<const uint8_t*>(data)), end_(at_ + bytes) {}

  void fetch(int64_t bytes) {
    for (; bytes > 0 && at_ < end_; bytes -= 64, at_ += 64) __builtin_prefetch(at_, 0, 2);
  }

 private:
  const uint8_t* at_;
  const uint8_t* end_;
};

// Scores of 16 * kBlocks keys from position `key` on. Fetches as much as it reads.
template <class E, int kBlocks>
void score_keys(const AttentionArgs& a, const Cache<E>& cache, const float* q, int32_t key, float* score,
                Ahead& ahead) {
  const int64_t step = int64_t{a.head_dim} * kKvBlock;
  const E* from = cache.keys + key * int64_t{a.head_dim};
  Vec acc[2][count(kBlocks)];
  for (int j = 0; j < kBlocks; ++j) acc[0][j] = acc[1][j] = Vec::set(0.0F);
  int32_t d = 0;
  for (; d + 2 <= a.head_dim; d += 2) {
    ahead.fetch(int64_t{2} * kBlocks * kKvBlock * static_cast<int64_t>(sizeof(E)));
    for (int half = 0; half < 2; ++half) {
      const Vec factor = Vec::set(q[d + half]);
      for (int j = 0; j < kBlocks; ++j) {
        acc[half][j] = Vec::madd(factor, load_elements(from + j * step + (d + half) * kKvBlock), acc[half][j]);
      }
    }
  }
  for (int j = 0; j < kBlocks; ++j) {
    if (d < a.head_dim) {
      acc[0][j] = Vec::madd(Vec::set(q[d]), load_elements(from + j * step + d * kKvBlock), acc[0][j]);
    }
    Vec sum = Vec::add(acc[0][j], acc[1][j]);
    if (sizeof(E) == 1) sum = Vec::mul(sum, Vec::load(cache.key_scale + key + 16 * j));
    sum.store(score + key + 16 * j);
  }
}

// Scores of n keys to probabilities times the values' scales. Returns the sum of the probabilities.
template <class E>
float soften(const Cache<E>& cache, float* score, int32_t n) {
  const float lowest = -__builtin_inff();
  Vec largest = Vec::set(lowest);
  for (int32_t i = 0; i < n; i += 16) largest = Vec::max(Vec::fill_from(Vec::load(score + i), n - i, lowest), largest);
  const Vec shift = Vec::set(Vec::largest(largest));
  Vec sum = Vec::set(0.0F);
  for (int32_t i = 0; i < n; i += 16) {
    const Vec p = vec_exp(Vec::sub(Vec::fill_from(Vec::load(score + i), n - i, lowest), shift));
    sum = Vec::add(sum, p);
    (sizeof(E) == 1 ? Vec::mul(p, Vec::load(cache.value_scale + i)) : p).store(score + i);
  }
  return Vec::sum(sum);
}

// out[0, 16 * kVecs) += sum over n keys of p[key] * values[key][d ...]; `tail` of the last vector's lanes exist.
// Fetches as much as it reads.
template <class E, int kVecs>
void mix_values(const E* values, int64_t stride, const float* p, int32_t n, int32_t tail, float* out, Ahead& ahead) {
  Vec acc[2][count(kVecs)];
  for (int c = 0; c < kVecs; ++c) acc[0][c] = acc[1][c] = Vec::set(0.0F);
  const auto take = [&](int32_t key, Vec(&to)[count(kVecs)]) {
    const Vec factor = Vec::set(p[key]);
    for (int c = 0; c < kVecs; ++c) {
      const E* from = values + key * stride + 16 * c;
      to[c] = Vec::madd(factor, c + 1 < kVecs ? load_elements(from) : load_elements_part(from, tail), to[c]);
    }
  };
  int32_t key = 0;
  for (; key + 2 <= n; key += 2) {
    ahead.fetch(int64_t{2} * kVecs * 16 * static_cast<int64_t>(sizeof(E)));
    take(key, acc[0]);
    take(key + 1, acc[1]);
  }
  if (key < n) take(key, acc[0]);
  for (int c = 0; c < kVecs; ++c) Vec::add(acc[0][c], acc[1][c]).store(out + 16 * c);
}

template <class E>
void attend_row(const AttentionArgs& a, const Cache<E>& cache, int32_t row) {
  float* q = static_cast<float*>(a.scratch);
  float* mixed = q + round_up(a.head_dim, 16);
  float* score = mixed + round_up(a.head_dim, 16);
  load_query(a.q + row * a.q_stride, a.scale, a.head_dim, q);
  const int32_t n = a.first_position + row + 1;
  Ahead values(cache.values, int64_t{n} * a.head_dim * static_cast<int64_t>(sizeof(E)));
  int32_t key = 0;
  for (; key + 16 * Vec::kDecodeVecs <= n; key += 16 * Vec::kDecodeVecs) {
    score_keys<E, Vec::kDecodeVecs>(a, cache, q, key, score, values);
  }
  for (; key < n; key += 16) score_keys<E, 1>(a, cache, q, key, score, values);
  const float sum = soften(cache, score, n);
  Ahead upcoming(a.upcoming, a.upcoming_bytes);
  int32_t d = 0;
  for (; d + 16 * Vec::kDecodeVecs <= a.head_dim; d += 16 * Vec::kDecodeVecs) {
    mix_values<E, Vec::kDecodeVecs>(cache.values + d, a.head_dim, score, n, 16, mixed + d, upcoming);
  }
  for (; d < a.head_dim; d += 16) {
    mix_values<E, 1>(cache.values + d, a.head_dim, score, n, at_most(a.head_dim - d, 16), mixed + d, upcoming);
  }
  write_quotient(mixed, sum, a.head_dim, a.out + row * a.out_stride);
}

template <class E>
void attend(const AttentionArgs& a) {
  const Cache<E> cache(a);
  if (a.n_rows <= kDecodeRows) {
    for (int32_t row = 0; row < a.n_rows; ++row) attend_row(a, cache, row);
  } else {
    for (int32_t row = 0; row < a.n_rows; row += kAttentionRows) attend_rows(a, cache, row);
  }
}

void attention(const AttentionArgs* args) {
  if (args->kv_type == kKvF32) {
    attend<float>(*args);
  } else if (args->kv_type == kKvF16) {
    attend<uint16_t>(*args);
  } else {
    attend<int8_t>(*args);
  }
}

void fill_attention(KernelTable* table) {
  table->kv_append = kv_append;
  table->attention = attention;
}

}  // namespace
