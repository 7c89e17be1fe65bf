// SPDX-License-Identifier: Apache-2.0
//
// Attention of many rows on AMX: blocks of rows against blocks of keys with an online softmax, as in attention.h.
//
// bf16 has 8 bits, too few for scores, where an error of 0.1 is a tenth of the probability. So queries and keys are
// sums of two bf16, and a score is the sum of three products: q_high k_high + q_low k_high + q_high k_low.
// Probabilities and values are one bf16 each: the result's relative error is that of a rounding to bf16, in which form
// it goes on.
#include "vec_avx512.h"
// The order matters: what follows is written over the Vec above.
#include "kv_cache.h"
#include "math.h"
#include "norms.h"
#include "parts.h"
#include "tiles_amx.h"

namespace {

constexpr int32_t kItemRows = kAmxAttentionRows;
constexpr int32_t kKeys = kAmxAttentionKeys;
constexpr int32_t kParts = 2;                          // of a score
constexpr int64_t kProbabilityBytes = 2 * kKeys + 64;  // of a row; not a power of two, for the cache's sets

// Pairs of 16 values in 16 lanes, rounded to bf16: even in the lower halves.
inline __m512i pair_of(Vec even, Vec odd) {
  const __m512i order = _mm512_set_epi16(31, 15, 30, 14, 29, 13, 28, 12, 27, 11, 26, 10, 25, 9, 24, 8, 23, 7, 22, 6, 21,
                                         5, 20, 4, 19, 3, 18, 2, 17, 1, 16, 0);
  const __m512bh both = _mm512_cvtne2ps_pbh(odd.v, even.v);
  __m512i bits;
  __builtin_memcpy(&bits, &both, sizeof(bits));
  return _mm512_permutexvar_epi16(order, bits);
}

// What rounding to `pair` left.
inline __m512i rest_of(Vec even, Vec odd, __m512i pair) {
  const Vec even_part = {_mm512_castsi512_ps(_mm512_slli_epi32(pair, 16))};
  const Vec odd_part = {_mm512_castsi512_ps(_mm512_and_si512(pair, _mm512_set1_epi32(-65536)))};
  return pair_of(Vec::sub(even, even_part), Vec::sub(odd, odd_part));
}

inline __m256i bf16_of(Vec v) {
  const __m256bh rounded = _mm512_cvtneps_pbh(v.v);
  __m256i bits;
  __builtin_memcpy(&bits, &rounded, sizeof(bits));
  return bits;
}

inline Vec float_of(__m256i bf16) {
  return {_mm512_castsi512_ps(_mm512_slli_epi32(_mm512_cvtepu16_epi32(bf16), 16))};
}

// An item's memory. Operands are those of tiles_amx.h.
struct Block {
  int32_t dims;         // head_dim rounded up to 32
  int64_t query_bytes;  // of a row
  uint8_t* keys;        // [kKeys / 16][dims / 32] operands of the high parts, then of the low ones
  uint8_t* values;      // [dims / 16][kKeys / 32] operands
  uint8_t* q;           // [kItemRows][dims / 32][kParts][32] bf16: high, low
  float* out;           // [kItemRows][dims]
  float* scores;        // [kBlockRows][kKeys]
  uint8_t* p;           // [kBlockRows] rows of kKeys bf16
  float* product;       // [kBlockRows][kBlockColumns]
  float* sum;           // [kItemRows]
  float* largest;       // [kItemRows]

  explicit Block(const AttentionArgs& a)
      : dims(static_cast<int32_t>(round_up(a.head_dim, 32))),
        query_bytes(int64_t{2} * kParts * dims + 64),
        keys(static_cast<uint8_t*>(a.scratch)),
        values(keys + int64_t{4} * kKeys * dims),
        q(values + int64_t{2} * kKeys * dims),
        out(reinterpret_cast<float*>(q + kItemRows * query_bytes)),
        scores(out + int64_t{kItemRows} * dims),
        p(reinterpret_cast<uint8_t*>(scores + kBlockRows * kKeys)),
        product(reinterpret_cast<float*>(p + kBlockRows * kProbabilityBytes)),
        sum(product + kBlockRows * kBlockColumns),
        largest(sum + kItemRows) {}
};

void load_queries(const AttentionArgs& a, int32_t query, int32_t first_row, int32_t n_rows, const Block& block) {
  constexpr int32_t kItemRowsAhead = 8;
  constexpr int32_t kMostDims = 1024;
  alignas(64) float room[kMostDims];
  const Vec scale = Vec::set(a.scale);
  const float* q = a.q + first_row * a.q_stride + int64_t{query} * a.head_dim;
  for (int32_t r = 0; r < round_up(n_rows, kBlockRows); ++r) {
    for (int32_t d = 0; d < a.head_dim; d += 16) __builtin_prefetch(q + (r + kItemRowsAhead) * a.q_stride + d, 0, 3);
    const float* row = r < n_rows ? prepared_head(q + r * a.q_stride, a.head_dim, a.q_norm, a.norm_epsilon,
                                                  rotary_of(a, first_row + r), room)
                                  : room;
    for (int32_t d = 0; d < block.dims; d += 16) {
      const int32_t n = r < n_rows ? a.head_dim - d : 0;
      const Vec x = Vec::mul(load_up_to(row + d, n), scale);
      const __m256i high = bf16_of(x);
      const __m256i low = bf16_of(Vec::sub(x, float_of(high)));
      auto* to = reinterpret_cast<__m256i*>(block.q + r * block.query_bytes + d / 32 * kParts * 64 + d % 32 * 2);
      _mm256_store_si256(to, high);
      _mm256_store_si256(to + 2, low);
      Vec::set(0.0F).store(block.out + r * block.dims + d);
    }
    block.sum[r] = 0.0F;
    block.largest[r] = -__builtin_inff();
  }
}

// Fetches the block of the same head that follows.
template <class E>
void fetch(const KvBlock<E>& block, const Cache<E>& cache) {
  const uint8_t* next = reinterpret_cast<const uint8_t*>(block.elements) + cache.block_stride();
  for (int64_t i = 0; i < cache.block_bytes(); i += 64) __builtin_prefetch(next + i, 0, 3);
}

// The keys of positions [key, key + n) as operands.
template <class E>
void load_keys(const AttentionArgs& a, const Cache<E>& cache, int32_t head, int32_t key, int32_t n,
               const Block& block) {
  for (int32_t j = 0; j < n; j += kKvBlock) {
    const KvBlock<E> keys = cache.keys(head, key + j);
    fetch(keys, cache);
    const Vec scale = sizeof(E) == 1 ? Vec::load(keys.scales) : Vec::set(1.0F);
    const auto at = [&](int32_t d) {
      if (d >= a.head_dim) return Vec::set(0.0F);
      const Vec v = load_elements(keys.elements + d * kKvBlock);
      return sizeof(E) == 1 ? Vec::mul(v, scale) : v;
    };
    uint8_t* out = block.keys + int64_t{4} * j * block.dims;
    for (int32_t d = 0; d < block.dims; d += 2) {
      const __m512i high = pair_of(at(d), at(d + 1));
      uint8_t* to = out + d / 32 * (2 * kOperandBytes) + d % 32 * 32;
      _mm512_store_si512(to, high);
      _mm512_store_si512(to + kOperandBytes, rest_of(at(d), at(d + 1), high));
    }
  }
}

// The values of positions [key, key + n) as operands; zeros from there to a multiple of 32.
template <class E>
void load_values(const AttentionArgs& a, const Cache<E>& cache, int32_t head, int32_t key, int32_t n,
                 const Block& block) {
  constexpr int64_t kTileBytes = int64_t{kKeys} / 32 * kOperandBytes;  // of 16 dimensions
  for (int32_t j = 0; j < round_up(n, 32); j += 2) {
    const int32_t row = (key + j) % kKvBlock;
    const KvBlock<E> values = cache.values(head, key + at_most(j, n - 1));
    if (row == 0) fetch(values, cache);
    const E* even = values.elements + row * a.head_dim;
    const auto at = [&](const E* elements, int32_t i, int32_t d) {
      if (i >= n) return Vec::set(0.0F);
      const Vec v = load_elements_part(elements + d, a.head_dim - d);
      return sizeof(E) == 1 ? Vec::mul(v, Vec::set(values.scales[row + i - j])) : v;
    };
    uint8_t* to = block.values + int64_t{j} / 32 * kOperandBytes + j % 32 * 32;
    for (int32_t d = 0; d < a.head_dim; d += 16) {
      _mm512_store_si512(to + d / 16 * kTileBytes, pair_of(at(even, j, d), at(even + a.head_dim, j + 1, d)));
    }
  }
}

// Scores of a block of rows, q, for the first n keys.
template <bool kManyRows>
void multiply_keys(const uint8_t* q, int32_t n, const Block& block) {
  const int64_t tile_bytes = int64_t{64} * block.dims;  // of 16 keys, both parts
  for (int32_t j = 0; j < n; j += kBlockColumns) {
    const uint8_t* keys = block.keys + j / kTile * tile_bytes;
    clear_sums<kManyRows, true>();
    for (int32_t d = 0; d < block.dims; d += 32) {
      const uint8_t* rows = q + int64_t{2} * kParts * d;
      const uint8_t* high = keys + d / 32 * (2 * kOperandBytes);
      load_rows<kManyRows>(rows + 64, block.query_bytes);
      load_columns<true>(high, tile_bytes);
      add_products<kManyRows, true>();
      load_rows<kManyRows>(rows, block.query_bytes);
      add_products<kManyRows, true>();
      load_columns<true>(high + kOperandBytes, tile_bytes);
      add_products<kManyRows, true>();
    }
    store_sums<kManyRows, true>(block.scores + j, kKeys);
  }
}

// Vectors of a row's scores: all of it counts in the first, the lanes below `rest` in one more, none in others.
struct Visible {
  int32_t whole;
  int32_t rest;

  explicit Visible(int32_t n) : whole(n / 16), rest(n % 16) {}
  [[nodiscard]] Vec partial(const float* score) const {
    return Vec::fill_from(Vec::load(score + 16 * whole), rest, -__builtin_inff());
  }
};

// Scores [first, n) of a row, capped, to probabilities relative to the running maximum, with zeros around them up to
// the end. Returns what the row's earlier results must be multiplied by.
float soften_row(float* score, int32_t first, int32_t n, int32_t end, float soft_cap, float* largest, float* sum,
                 uint8_t* p) {
  if (n <= first) n = 0;
  if (soft_cap > 0.0F) {
    for (int32_t i = 0; i < n; i += 16) soft_capped(Vec::load(score + i), Vec::set(soft_cap)).store(score + i);
  }
  for (int32_t i = 0; i < first && i < n; ++i) score[i] = -__builtin_inff();
  const Visible visible(n);
  auto* out = reinterpret_cast<__m256i*>(p);
  Vec most = Vec::set(*largest);
  for (int32_t j = 0; j < visible.whole; ++j) most = Vec::max(Vec::load(score + 16 * j), most);
  if (visible.rest > 0) most = Vec::max(visible.partial(score), most);
  const float now = Vec::largest(most);
  const Vec shift = Vec::set(now);
  Vec total = Vec::set(0.0F);
  int32_t j = 0;
  for (; j < visible.whole; ++j) {
    const Vec e = vec_exp(Vec::sub(Vec::load(score + 16 * j), shift));
    total = Vec::add(total, e);
    _mm256_store_si256(out + j, bf16_of(e));
  }
  if (visible.rest > 0) {
    const Vec e = vec_exp(Vec::sub(visible.partial(score), shift));
    total = Vec::add(total, e);
    _mm256_store_si256(out + j++, bf16_of(e));
  }
  for (; j < end / 16; ++j) _mm256_store_si256(out + j, _mm256_setzero_si256());
  float factor = 1.0F;
  if (now != *largest) vec_exp(Vec::set(*largest - now)).store_part(&factor, 1);
  *sum = *sum * factor + Vec::sum(total);
  *largest = now;
  return factor;
}

// out = factor * out + p V of a block of rows, over `end` keys.
template <bool kManyRows>
void multiply_values(int32_t first_row, int32_t n_rows, int32_t end, const float* factor, const Block& block) {
  const int64_t tile_bytes = int64_t{kKeys} / 32 * kOperandBytes;
  for (int32_t d = 0; d < block.dims; d += kBlockColumns) {
    multiply_block<kManyRows, true>(block.p, kProbabilityBytes, block.values + d / kTile * tile_bytes, tile_bytes,
                                    end / 32, block.product, kBlockColumns);
    for (int32_t r = 0; r < n_rows; ++r) {
      float* out = block.out + (first_row + r) * block.dims + d;
      for (int32_t c = 0; c < kBlockColumns; c += 16) {
        const Vec added = Vec::load(block.product + r * kBlockColumns + c);
        Vec::fma(Vec::load(out + c), Vec::set(factor[r]), added).store(out + c);
      }
    }
  }
}

// Rows [first_row, first_row + n_rows) of the item, at most 32, the first of them at `position`, with the block's
// n_keys keys from position `key` on.
template <bool kManyRows>
void attend_block(const AttentionArgs& a, int32_t first_row, int32_t n_rows, int32_t position, int32_t key,
                  int32_t n_keys, const Block& block) {
  const int32_t visible = position + 1 - key;                  // by the first row
  const int32_t seen = at_most(visible + n_rows - 1, n_keys);  // by the last one
  if (seen <= 0 || first_seen(position, a.window) - key >= seen) return;
  multiply_keys<kManyRows>(block.q + first_row * block.query_bytes, seen, block);
  const auto end = static_cast<int32_t>(round_up(seen, 32));
  float factor[kBlockRows];
  for (int32_t r = 0; r < n_rows; ++r) {
    const int32_t n = at_most(visible + r, n_keys);
    const int32_t first = first_seen(position + r, a.window) - key;
    factor[r] = soften_row(block.scores + r * kKeys, first > 0 ? first : 0, n, end, a.soft_cap,
                           block.largest + first_row + r, block.sum + first_row + r, block.p + r * kProbabilityBytes);
  }
  finish_writes();
  multiply_values<kManyRows>(first_row, n_rows, end, factor, block);
}

// Rows from first_row on of one head of queries, at most kItemRows.
template <class E>
void attend_rows(const AttentionArgs& a, const Cache<E>& cache, int32_t query, int32_t first_row) {
  const Block block(a);
  const int32_t head = query / a.queries_per_head;
  const int32_t n_rows = at_most(a.n_rows - first_row, kItemRows);
  const int32_t n_keys = a.first_position + first_row + n_rows;
  load_queries(a, query, first_row, n_rows, block);
  // Blocks are cut at the same positions whatever the first row: the same bits.
  const int32_t first_key = first_seen(a.first_position + first_row, a.window) / kKeys * kKeys;
  for (int32_t key = first_key; key < n_keys; key += kKeys) {
    const int32_t n = at_most(n_keys - key, kKeys);
    load_keys(a, cache, head, key, n, block);
    load_values(a, cache, head, key, n, block);
    finish_writes();
    for (int32_t r = 0; r < n_rows; r += kBlockRows) {
      const int32_t rows = at_most(n_rows - r, kBlockRows);
      const int32_t position = a.first_position + first_row + r;
      if (rows > 16) {
        attend_block<true>(a, r, rows, position, key, n, block);
      } else {
        attend_block<false>(a, r, rows, position, key, n, block);
      }
    }
  }
  for (int32_t r = 0; r < n_rows; ++r) {
    float* out = a.out + (first_row + r) * a.out_stride + int64_t{query} * a.head_dim;
    const Vec sum = Vec::set(block.sum[r]);
    for (int32_t d = 0; d < a.head_dim; d += 16) {
      Vec::div(Vec::load(block.out + r * block.dims + d), sum).store_part(out + d, a.head_dim - d);
    }
  }
}

void attention_many(const AttentionArgs* args) {
  configure(kBlockRows);
  with_element(args->kv_type, [&](auto element) {
    const Cache<decltype(element)> cache(*args);
    for (int32_t query = 0; query < args->n_heads * args->queries_per_head; ++query) {
      for (int32_t row = 0; row < args->n_rows; row += kItemRows) attend_rows(*args, cache, query, row);
    }
  });
  _tile_release();
}

}  // namespace

namespace inferbench::cpu_quant {

void add_attention_amx(KernelTable* table) {
  table->attention_many = attention_many;
  table->attention_rows = kItemRows;
}

}  // namespace inferbench::cpu_quant
