// SPDX-License-Identifier: Apache-2.0
//
// Causal attention over Vec (vec_*.h). Many rows: head after head, blocks of rows against blocks of keys with an online
// softmax (running maximum and sum, Milakov and Gimelshein 2018; blocked as in Dao et al. 2022), products in register
// tiles. Few rows: attention_few.h.
#pragma once

#include "attention_few.h"
#include "kernels.h"
#include "kv_append.h"
#include "kv_cache.h"
#include "math.h"

namespace {

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
  int32_t window;
  float soft_cap;
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
        window(a.window),
        soft_cap(a.soft_cap),
        keys(static_cast<float*>(a.scratch)),
        values(keys + int64_t{kAttentionKeys} * dims),
        q(values + int64_t{kAttentionKeys} * dims),
        out(q + int64_t{kAttentionRows} * dims),
        p(out + int64_t{kAttentionRows} * dims),
        sum(p + int64_t{kAttentionRows} * kAttentionKeys),
        largest(sum + int64_t{kAttentionRows} * 16),
        factor(largest + kAttentionRows) {}

  // Row r sees keys [first_visible, visible) of the block from `key` on.
  [[nodiscard]] int32_t visible(int32_t r, int32_t key) const {
    return at_most(first_position + r + 1 - key, kAttentionKeys);
  }
  [[nodiscard]] int32_t first_visible(int32_t r, int32_t key) const {
    const int32_t first = first_seen(first_position + r, window) - key;
    return first > 0 ? first : 0;
  }
};

void start_rows(const AttentionArgs& a, int32_t query, int32_t first_row, const RowBlock& block) {
  for (int32_t r = 0; r < round_up(block.n_rows, Vec::kTileRows); ++r) {
    for (int32_t d = 0; d < block.dims; d += 16) {
      Vec::set(0.0F).store(block.q + r * block.dims + d);
      Vec::set(0.0F).store(block.out + r * block.dims + d);
    }
    Vec::set(0.0F).store(block.sum + r * 16);
    block.largest[r] = -__builtin_inff();
    block.factor[r] = 1.0F;
    if (r >= block.n_rows) continue;
    load_query(a, first_row + r, query, block.q + r * block.dims);
  }
}

// n keys and values of a head from position `key` on as floats.
template <class E>
void load_block(const AttentionArgs& a, const Cache<E>& cache, int32_t head, int32_t key, int32_t n,
                const RowBlock& block) {
  for (int32_t j = 0; j < n; j += kKvBlock) {
    const KvBlock<E> keys = cache.keys(head, key + j);
    const Vec scale = sizeof(E) == 1 ? Vec::load(keys.scales) : Vec::set(1.0F);
    for (int32_t d = 0; d < a.head_dim; ++d) {
      Vec v = load_elements(keys.elements + d * kKvBlock);
      if (sizeof(E) == 1) v = Vec::mul(v, scale);
      v.store(block.keys + d * kAttentionKeys + j);
    }
  }
  for (int32_t i = 0; i < n; ++i) {
    const KvBlock<E> values = cache.values(head, key + i);
    const int32_t row = i % kKvBlock;
    const Vec scale = Vec::set(sizeof(E) == 1 ? values.scales[row] : 1.0F);
    for (int32_t d = 0; d < a.head_dim; d += 16) {
      Vec v = load_elements_part(values.elements + row * a.head_dim + d, a.head_dim - d);
      if (sizeof(E) == 1) v = Vec::mul(v, scale);
      v.store(block.values + i * block.dims + d);
    }
  }
}

// Scores of one row to probabilities relative to the running maximum; of `vecs` vectors, those in [first, n) count.
void soften_row(const RowBlock& block, int32_t r, int32_t first, int32_t n, int32_t vecs) {
  float* p = block.p + r * kAttentionKeys;
  if (n <= first) {
    for (int32_t c = 0; c < vecs; ++c) Vec::set(0.0F).store(p + 16 * c);
    block.factor[r] = 1.0F;
    return;
  }
  if (block.soft_cap > 0.0F) {
    const Vec cap = Vec::set(block.soft_cap);
    for (int32_t c = 0; c < vecs; ++c) soft_capped(Vec::load(p + 16 * c), cap).store(p + 16 * c);
  }
  const float lowest = -__builtin_inff();
  for (int32_t i = 0; i < first; ++i) p[i] = lowest;
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
    if (n <= block.first_visible(r, key)) continue;
    const int32_t vecs = (n + 15) / 16;
    float* p = block.p + r * kAttentionKeys;
    product<true>(block.q + r * block.dims, block.dims, block.keys, kAttentionKeys, a.head_dim, nullptr, p,
                  kAttentionKeys, vecs);
    for (int32_t i = r; i < r + Vec::kTileRows; ++i) {
      soften_row(block, i, block.first_visible(i, key), i < block.n_rows ? block.visible(i, key) : 0, vecs);
    }
    product<false>(p, kAttentionKeys, block.values, block.dims, n, block.factor + r, block.out + r * block.dims,
                   block.dims, block.dims / 16);
  }
}

// Rows from first_row on of one head of queries, at most kAttentionRows.
template <class E>
void attend_rows(const AttentionArgs& a, const Cache<E>& cache, int32_t query, int32_t first_row) {
  const RowBlock block(a, first_row);
  const int32_t head = query / a.queries_per_head;
  start_rows(a, query, first_row, block);
  const int32_t n_keys = block.first_position + block.n_rows;
  // Blocks are cut at the same positions whatever the first row: the same bits.
  const int32_t first_key = first_seen(block.first_position, a.window) / kAttentionKeys * kAttentionKeys;
  for (int32_t key = first_key; key < n_keys; key += kAttentionKeys) {
    load_block(a, cache, head, key, at_most(n_keys - key, kAttentionKeys), block);
    attend_block(a, key, block);
  }
  for (int32_t r = 0; r < block.n_rows; ++r) {
    write_quotient(block.out + r * block.dims, Vec::sum(Vec::load(block.sum + 16 * r)), a.head_dim,
                   a.out + (first_row + r) * a.out_stride + int64_t{query} * a.head_dim);
  }
}

template <FetchAhead kAhead>
void attention_few(const AttentionArgs* args) {
  with_element(args->kv_type, [&](auto element) {
    const Cache<decltype(element)> cache(*args);
    for (int32_t row = 0; row < args->n_rows; ++row) attend_row<kAhead>(*args, cache, row);
  });
}

template <FetchAhead kAhead>
void attention_part(const AttentionArgs* args, int32_t chunk, float* part) {
  with_element(args->kv_type,
               [&](auto element) { attend_chunk<kAhead>(*args, Cache<decltype(element)>(*args), chunk, part); });
}

void attention_many(const AttentionArgs* args) {
  with_element(args->kv_type, [&](auto element) {
    const Cache<decltype(element)> cache(*args);
    for (int32_t query = 0; query < args->n_heads * args->queries_per_head; ++query) {
      for (int32_t row = 0; row < args->n_rows; row += kAttentionRows) attend_rows(*args, cache, query, row);
    }
  });
}

void fill_attention(KernelTable* table, FetchAhead ahead) {
  table->kv_append = kv_append;
  const bool into_l1 = ahead == FetchAhead::IntoL1;
  table->attention_few = into_l1 ? attention_few<FetchAhead::IntoL1> : attention_few<FetchAhead::IntoL2>;
  table->attention_part = into_l1 ? attention_part<FetchAhead::IntoL1> : attention_part<FetchAhead::IntoL2>;
  table->attention_merge = attention_merge;
  table->attention_many = attention_many;
  table->attention_rows = kAttentionRows;
}

}  // namespace
