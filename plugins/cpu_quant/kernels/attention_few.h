// SPDX-License-Identifier: Apache-2.0
//
// Attention of few rows over Vec (vec_*.h): made to read keys and values once, in the order in which they lie: all
// heads of 16 positions, then of the next 16. Heads of queries that share keys take them from the L1 cache together.
#pragma once

#include "kernels.h"
#include "kv_cache.h"
#include "math.h"
#include "norms.h"
#include "parts.h"

namespace {

// Bytes that fetching is ahead of reading, as with weights. Keys and values are fetched on every processor: their runs
// are short compared with what its own prefetchers need to get ahead.
template <FetchAhead kAhead>
constexpr int64_t kAttentionLead = kAhead == FetchAhead::IntoL1 ? 8 << 10 : 16 << 10;

// An array bound.
constexpr uint64_t count(int n) {
  return static_cast<uint64_t>(n);
}

// The query of a row and head times the scale, with zeros up to a multiple of 16.
inline void load_query(const AttentionArgs& a, int32_t row, int32_t head, float* out) {
  const float* q = prepared_head(a.q + row * a.q_stride + int64_t{head} * a.head_dim, a.head_dim, a.q_norm,
                                 a.norm_epsilon, rotary_of(a, row), out);
  for (int32_t d = 0; d < a.head_dim; d += 16) {
    Vec::mul(load_up_to(q + d, a.head_dim - d), Vec::set(a.scale)).store(out + d);
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

// Where to fetch a block while one is read.
template <FetchAhead kAhead>
struct Upcoming {
  const uint8_t* data;

  void fetch(int64_t first, int64_t bytes) const {
    if (kAhead == FetchAhead::Nowhere) return;
    constexpr int kLocality = kAhead == FetchAhead::IntoL1 ? 3 : 2;
    for (int64_t i = 0; i < bytes; i += 64) __builtin_prefetch(data + first + i, 0, kLocality);
  }
};

// Some bytes of memory.
struct Stretch {
  const uint8_t* data;
  int64_t bytes;
};

// What will be read soon, block by block: the keys, the values, and what is wanted after them. The first
// kAttentionLead bytes of the keys were such an upcoming part before, so fetching starts behind them.
template <FetchAhead kAhead>
class Ahead {
  static constexpr int64_t kLead = kAttentionLead<kAhead>;

 public:
  template <class E>
  Ahead(const AttentionArgs& a, const Cache<E>& cache, int32_t first_key, int32_t n_keys, Stretch after,
        const void* idle)
      : block_(cache.block_bytes()), idle_(static_cast<const uint8_t*>(idle)) {
    // Some heads of a group are not contiguous: left to the prefetchers of the processor.
    const int64_t bytes = a.n_heads == a.group_heads ? ceil_div(n_keys, kKvBlock) * cache.block_stride() : 0;
    const void* keys = cache.keys(0, first_key).elements;
    const void* values = cache.values(0, first_key).elements;
    const int64_t lead = bytes < kLead ? bytes : kLead;
    part_[0] = {static_cast<const uint8_t*>(keys) + lead, bytes - lead};
    part_[1] = {static_cast<const uint8_t*>(values), bytes};
    part_[2] = {after.data, after.bytes < kLead ? after.bytes : kLead};
  }

  Upcoming<kAhead> take() {
    while (at_ < 3 && part_[at_].bytes < block_) ++at_;
    if (at_ == 3) return {idle_};
    const uint8_t* data = part_[at_].data;
    part_[at_].data += block_;
    part_[at_].bytes -= block_;
    return {data};
  }

 private:
  int64_t block_;
  const uint8_t* idle_;  // memory that is in the caches
  int at_ = 0;
  Stretch part_[3];
};

constexpr int32_t kQueriesTogether = 4;  // heads of queries that take a block of keys or values at once

// Calls take<kQueries>(i) for heads of queries i to i + kQueries - 1 until all n have been taken.
template <class F>
void for_queries(int32_t n, const F& take) {
  int32_t i = 0;
  for (; i + kQueriesTogether <= n; i += kQueriesTogether) take.template operator()<kQueriesTogether>(i);
  switch (n - i) {
    case 3:
      return take.template operator()<3>(i);
    case 2:
      return take.template operator()<2>(i);
    case 1:
      return take.template operator()<1>(i);
    default:
      return;
  }
}

// Scores of 16 keys for kQueries heads, whose queries and scores are so many floats apart.
struct Strides {
  int64_t query;
  int64_t score;
};
template <int kQueries, class E, FetchAhead kAhead>
void score_block(KvBlock<E> keys, const float* q, int32_t head_dim, Strides strides, float soft_cap,
                 Upcoming<kAhead> ahead, float* score) {
  constexpr int32_t kStep = 4;
  constexpr int kChains = kQueries == 1 ? 2 : 1;  // of additions that wait for each other
  constexpr int64_t kVecBytes = kKvBlock * static_cast<int64_t>(sizeof(E));
  Vec acc[count(kQueries)][count(kChains)];
  for (auto& chains : acc) {
    for (Vec& sum : chains) sum = Vec::set(0.0F);
  }
  const auto take = [&](int32_t d, int chain) {
    const Vec key = load_elements(keys.elements + d * kKvBlock);
    for (int i = 0; i < kQueries; ++i) {
      acc[i][chain] = Vec::madd(Vec::set(q[i * strides.query + d]), key, acc[i][chain]);
    }
  };
  int32_t d = 0;
  for (; d + kStep <= head_dim; d += kStep) {
    ahead.fetch(d * kVecBytes, kStep * kVecBytes);
    for (int32_t i = 0; i < kStep; ++i) take(d + i, i % kChains);
  }
  for (int32_t i = 0; d + i < head_dim; ++i) take(d + i, i % kChains);
  for (int i = 0; i < kQueries; ++i) {
    Vec sum = kChains == 1 ? acc[i][0] : Vec::add(acc[i][0], acc[i][kChains - 1]);
    if (sizeof(E) == 1) sum = Vec::mul(sum, Vec::load(keys.scales));
    if (soft_cap > 0.0F) sum = soft_capped(sum, Vec::set(soft_cap));
    sum.store(score + i * strides.score);
  }
}

// Of the scores of a head.
struct Softmax {
  float largest;
  float sum;  // of the probabilities relative to it
};

// Scores of keys [base, end) of a head to probabilities times the values' scales; those before `first` count nothing.
template <class E>
Softmax soften(const Cache<E>& cache, int32_t head, float* score, int32_t base, int32_t first, int32_t end) {
  const float lowest = -__builtin_inff();
  const int32_t n = end - base;
  for (int32_t i = 0; i < first - base; ++i) score[i] = lowest;
  Vec largest = Vec::set(lowest);
  for (int32_t i = 0; i < n; i += 16) largest = Vec::max(Vec::fill_from(Vec::load(score + i), n - i, lowest), largest);
  const float most = Vec::largest(largest);
  const Vec shift = Vec::set(most);
  Vec sum = Vec::set(0.0F);
  for (int32_t i = 0; i < n; i += 16) {
    const Vec p = vec_exp(Vec::sub(Vec::fill_from(Vec::load(score + i), n - i, lowest), shift));
    sum = Vec::add(sum, p);
    (sizeof(E) == 1 ? Vec::mul(p, Vec::load(cache.values(head, base + i).scales)) : p).store(score + i);
  }
  return {most, Vec::sum(sum)};
}

// Sums of one head: of even and of odd positions, `sums` floats apart; of several: one each.
template <int kQueries>
constexpr int kMixChains = kQueries == 1 ? 2 : 1;

// mixed[query][0, 16 * kVecs) += p[query][key] * values[key][...] for the first n keys of a block, head_dim apart;
// `tail` of the last vector's lanes exist.
template <int kQueries, int kVecs, class E, FetchAhead kAhead>
void mix_part(const E* values, int32_t head_dim, const float* p, int64_t p_stride, int32_t n, int32_t tail,
              Upcoming<kAhead> ahead, float* mixed, int64_t dims) {
  constexpr int kChains = kMixChains<kQueries>;
  constexpr int64_t kPairBytes = int64_t{2} * kVecs * 16 * static_cast<int64_t>(sizeof(E));
  const auto at = [&](int query, int chain, int c) { return mixed + (2 * query + chain) * dims + 16 * c; };
  Vec acc[count(kQueries)][count(kChains)][count(kVecs)];
  for (int i = 0; i < kQueries; ++i) {
    for (int chain = 0; chain < kChains; ++chain) {
      for (int c = 0; c < kVecs; ++c) acc[i][chain][c] = Vec::load(at(i, chain, c));
    }
  }
  const auto take = [&](int32_t key, int chain) {
    Vec value[count(kVecs)];
    for (int c = 0; c < kVecs; ++c) {
      const E* from = values + key * head_dim + 16 * c;
      value[c] = c + 1 < kVecs ? load_elements(from) : load_elements_part(from, tail);
    }
    for (int i = 0; i < kQueries; ++i) {
      const Vec factor = Vec::set(p[i * p_stride + key]);
      for (int c = 0; c < kVecs; ++c) acc[i][chain][c] = Vec::madd(factor, value[c], acc[i][chain][c]);
    }
  };
  int32_t key = 0;
  for (; key + 2 <= n; key += 2) {
    ahead.fetch(key / 2 * kPairBytes, kPairBytes);
    take(key, 0);
    take(key + 1, kChains - 1);
  }
  if (key < n) take(key, 0);
  for (int i = 0; i < kQueries; ++i) {
    for (int chain = 0; chain < kChains; ++chain) {
      for (int c = 0; c < kVecs; ++c) acc[i][chain][c].store(at(i, chain, c));
    }
  }
}

template <int kQueries, class E, FetchAhead kAhead>
void mix_block(KvBlock<E> values, int32_t head_dim, const float* p, int64_t p_stride, int32_t n, Upcoming<kAhead> ahead,
               float* mixed, int64_t dims) {
  constexpr int kVecs = kQueries == 1 ? Vec::kDecodeVecs : Vec::kDecodeVecs / 2;
  int32_t d = 0;
  const auto ahead_of = [&] {
    return Upcoming<kAhead>{
        kAhead == FetchAhead::Nowhere ? nullptr : ahead.data + d * kKvBlock * static_cast<int64_t>(sizeof(E))};
  };
  for (; d + 16 * kVecs <= head_dim; d += 16 * kVecs) {
    mix_part<kQueries, kVecs>(values.elements + d, head_dim, p, p_stride, n, 16, ahead_of(), mixed + d, dims);
  }
  for (; d < head_dim; d += 16) {
    mix_part<kQueries, 1>(values.elements + d, head_dim, p, p_stride, n, at_most(head_dim - d, 16), ahead_of(),
                          mixed + d, dims);
  }
}

// Scratch memory of attend_row; dims is head_dim rounded up to 16, positions the keys of a chunk that are read at most.
// Heads are those of queries.
struct RowScratch {
  int64_t dims;
  int64_t positions;
  int64_t heads;
  int64_t part_floats;
  float* q;      // [heads][dims], times the scale
  float* mixed;  // [heads][2][dims]: see kMixChains
  float* score;  // [heads][positions]
  float* total;  // [heads][part_floats], of the chunks so far
  float* part;   // of one more

  explicit RowScratch(const AttentionArgs& a)
      : dims(round_up(a.head_dim, 16)),
        positions(a.capacity < kAttentionChunk ? round_up(a.capacity, kKvBlock) : kAttentionChunk),
        heads(int64_t{a.n_heads} * a.queries_per_head),
        part_floats(attention_part_floats(a.head_dim)),
        q(static_cast<float*>(a.scratch)),
        mixed(q + heads * dims),
        score(mixed + heads * 2 * dims),
        total(score + heads * positions),
        part(total + heads * part_floats) {}
};

template <FetchAhead kAhead, class E>
void score_keys(const AttentionArgs& a, const Cache<E>& cache, int32_t base, int32_t end, const RowScratch& s,
                Ahead<kAhead>& ahead) {
  for (int32_t key = base; key < end; key += kKvBlock) {
    for (int32_t head = 0; head < a.n_heads; ++head) {
      const Upcoming<kAhead> upcoming = ahead.take();
      for_queries(a.queries_per_head, [&]<int kQueries>(int32_t i) {
        const int64_t query = int64_t{head} * a.queries_per_head + i;
        const auto score = [&](auto fetched) {
          score_block<kQueries>(cache.keys(head, key), s.q + query * s.dims, a.head_dim, {s.dims, s.positions},
                                a.soft_cap, fetched, s.score + query * s.positions + (key - base));
        };
        if (i == 0) return score(upcoming);
        score(Upcoming<FetchAhead::Nowhere>{nullptr});
      });
    }
  }
}

template <FetchAhead kAhead, class E>
void mix_values(const AttentionArgs& a, const Cache<E>& cache, int32_t base, int32_t end, const RowScratch& s,
                Ahead<kAhead>& ahead) {
  for (int32_t key = base; key < end; key += kKvBlock) {
    for (int32_t head = 0; head < a.n_heads; ++head) {
      const Upcoming<kAhead> upcoming = ahead.take();
      for_queries(a.queries_per_head, [&]<int kQueries>(int32_t i) {
        const int64_t query = int64_t{head} * a.queries_per_head + i;
        const auto mix = [&](auto fetched) {
          mix_block<kQueries>(cache.values(head, key), a.head_dim, s.score + query * s.positions + (key - base),
                              s.positions, at_most(end - key, kKvBlock), fetched, s.mixed + query * 2 * s.dims, s.dims);
        };
        if (i == 0) return mix(upcoming);
        mix(Upcoming<FetchAhead::Nowhere>{nullptr});
      });
    }
  }
}

// Keys [first, end) of those that a row sees.
struct KeyRange {
  int32_t first;
  int32_t end;
};

inline KeyRange seen_by(const AttentionArgs& a, int32_t row) {
  const int32_t position = a.first_position + row;
  return {first_seen(position, a.window), position + 1};
}

// Of a chunk; empty (first >= end) where the row sees nothing of it.
inline KeyRange within_chunk(KeyRange seen, int32_t chunk) {
  const int32_t begin = chunk * kAttentionChunk;
  return {seen.first > begin ? seen.first : begin, at_most(seen.end, begin + kAttentionChunk)};
}

inline void load_queries(const AttentionArgs& a, int32_t row, const RowScratch& s) {
  for (int32_t query = 0; query < s.heads; ++query) load_query(a, row, query, s.q + query * s.dims);
}

// The loaded queries with some keys of one chunk, to part[heads][part_floats]. `after`: what is read next.
template <FetchAhead kAhead, class E>
void attend_keys(const AttentionArgs& a, const Cache<E>& cache, KeyRange keys, Stretch after, const RowScratch& s,
                 float* part) {
  const int32_t base = keys.first / kKvBlock * kKvBlock;
  for (int64_t i = 0; i < s.heads * 2 * s.dims; i += 16) Vec::set(0.0F).store(s.mixed + i);
  Ahead<kAhead> ahead(a, cache, base, keys.end - base, after, s.q);
  score_keys(a, cache, base, keys.end, s, ahead);
  for (int32_t query = 0; query < s.heads; ++query) {
    const Softmax softmax =
        soften(cache, query / a.queries_per_head, s.score + query * s.positions, base, keys.first, keys.end);
    part[query * s.part_floats + s.dims] = softmax.largest;
    part[query * s.part_floats + s.dims + 1] = softmax.sum;
  }
  mix_values(a, cache, base, keys.end, s, ahead);
  for (int32_t query = 0; query < s.heads; ++query) {
    const float* mixed = s.mixed + query * 2 * s.dims;
    for (int64_t d = 0; d < s.dims; d += 16) {
      Vec::add(Vec::load(mixed + d), Vec::load(mixed + s.dims + d)).store(part + query * s.part_floats + d);
    }
  }
}

// Adds the part of the next chunk to what the chunks before it gave one head of queries.
inline void merge_part(const float* part, int64_t dims, float* total) {
  if (part[dims + 1] == 0.0F) return;
  if (total[dims + 1] == 0.0F) {
    for (int64_t d = 0; d < dims + 16; d += 16) Vec::load(part + d).store(total + d);
    return;
  }
  const float largest = part[dims] > total[dims] ? part[dims] : total[dims];
  const Vec of_total = vec_exp(Vec::set(total[dims] - largest));
  const Vec of_part = vec_exp(Vec::set(part[dims] - largest));
  for (int64_t d = 0; d < dims; d += 16) {
    Vec::fma(Vec::load(total + d), of_total, Vec::mul(Vec::load(part + d), of_part)).store(total + d);
  }
  const Vec sum = Vec::fma(Vec::set(total[dims + 1]), of_total, Vec::mul(Vec::set(part[dims + 1]), of_part));
  sum.store_part(total + dims + 1, 1);
  total[dims] = largest;
}

// totals[heads][part_floats] of a row to its output.
inline void write_totals(const AttentionArgs& a, int32_t row, const float* totals) {
  const int64_t dims = round_up(a.head_dim, 16);
  for (int32_t query = 0; query < a.n_heads * a.queries_per_head; ++query) {
    const float* total = totals + query * attention_part_floats(a.head_dim);
    write_quotient(total, total[dims + 1], a.head_dim, a.out + row * a.out_stride + int64_t{query} * a.head_dim);
  }
}

template <FetchAhead kAhead, class E>
void attend_row(const AttentionArgs& a, const Cache<E>& cache, int32_t row) {
  const RowScratch s(a);
  load_queries(a, row, s);
  const KeyRange seen = seen_by(a, row);
  const int32_t first = seen.first / kAttentionChunk;
  const int32_t end = first + attention_chunks(seen.first, seen.end);
  for (int32_t chunk = first; chunk < end; ++chunk) {
    const int32_t next = (chunk + 1) * kAttentionChunk;
    const Stretch after = chunk + 1 < end ? Stretch{reinterpret_cast<const uint8_t*>(cache.keys(0, next).elements),
                                                    cache.block_stride() * (kAttentionChunk / kKvBlock)}
                                          : Stretch{a.upcoming, a.upcoming_bytes};
    float* part = chunk == first ? s.total : s.part;
    attend_keys<kAhead>(a, cache, within_chunk(seen, chunk), after, s, part);
    if (chunk == first) continue;
    for (int64_t query = 0; query < s.heads; ++query) {
      merge_part(part + query * s.part_floats, s.dims, s.total + query * s.part_floats);
    }
  }
  write_totals(a, row, s.total);
}

// Rows of KernelTable::attention_part.
template <FetchAhead kAhead, class E>
void attend_chunk(const AttentionArgs& a, const Cache<E>& cache, int32_t chunk, float* part) {
  const RowScratch s(a);
  for (int32_t row = 0; row < a.n_rows; ++row, part += s.heads * s.part_floats) {
    const KeyRange keys = within_chunk(seen_by(a, row), chunk);
    if (keys.first < keys.end) {
      load_queries(a, row, s);
      attend_keys<kAhead>(a, cache, keys, {a.upcoming, a.upcoming_bytes}, s, part);
      continue;
    }
    for (int64_t query = 0; query < s.heads; ++query) part[query * s.part_floats + s.dims + 1] = 0.0F;
  }
}

void attention_merge(const AttentionArgs* args, float* parts, int32_t n_parts) {
  const AttentionArgs& a = *args;
  const int64_t dims = round_up(a.head_dim, 16);
  const int64_t floats = attention_part_floats(a.head_dim);
  const int64_t heads = int64_t{a.n_heads} * a.queries_per_head;
  for (int32_t row = 0; row < a.n_rows; ++row) {
    float* total = parts + row * heads * floats;
    for (int32_t i = 1; i < n_parts; ++i) {
      const float* part = total + i * a.n_rows * heads * floats;
      for (int64_t query = 0; query < heads; ++query) merge_part(part + query * floats, dims, total + query * floats);
    }
    write_totals(a, row, total);
  }
}

}  // namespace
