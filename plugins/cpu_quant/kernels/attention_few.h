// SPDX-License-Identifier: Apache-2.0
//
// Attention of few rows over Vec (vec_*.h): made to read keys and values once, in the order in which they lie: all
// heads of 16 positions, then of the next 16.
#pragma once

#include "kernels.h"
#include "kv_cache.h"
#include "math.h"
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

void load_query(const float* q, float scale, int32_t head_dim, float* out) {
  for (int32_t d = 0; d < head_dim; d += 16) {
    const int32_t n = head_dim - d;
    Vec::mul(n >= 16 ? Vec::load(q + d) : Vec::load_part(q + d, n), Vec::set(scale)).store(out + d);
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
    constexpr int kLocality = kAhead == FetchAhead::IntoL1 ? 3 : 2;
    for (int64_t i = 0; i < bytes; i += 64) __builtin_prefetch(data + first + i, 0, kLocality);
  }
};

// What will be read soon, block by block: the keys, the values, and what the caller wants next. The first
// kAttentionLead bytes of the keys were such an upcoming part before, so fetching starts behind them.
template <FetchAhead kAhead>
class Ahead {
  static constexpr int64_t kLead = kAttentionLead<kAhead>;

 public:
  template <class E>
  Ahead(const AttentionArgs& a, const Cache<E>& cache, int32_t n_keys, const void* idle)
      : block_(cache.block_bytes()), idle_(static_cast<const uint8_t*>(idle)) {
    // Some heads of a group are not contiguous: left to the prefetchers of the processor.
    const int64_t bytes = a.n_heads == a.group_heads ? ceil_div(n_keys, kKvBlock) * cache.block_stride() : 0;
    const void* keys = cache.keys(0, 0).elements;
    const void* values = cache.values(0, 0).elements;
    const int64_t lead = bytes < kLead ? bytes : kLead;
    part_[0] = {static_cast<const uint8_t*>(keys) + lead, bytes - lead};
    part_[1] = {static_cast<const uint8_t*>(values), bytes};
    part_[2] = {a.upcoming, a.upcoming_bytes < kLead ? a.upcoming_bytes : kLead};
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
  struct Part {
    const uint8_t* data;
    int64_t bytes;
  };

  int64_t block_;
  const uint8_t* idle_;  // memory that is in the caches
  int at_ = 0;
  Part part_[3];
};

// Scores of 16 keys.
template <class E, FetchAhead kAhead>
void score_block(KvBlock<E> keys, const float* q, int32_t head_dim, Upcoming<kAhead> ahead, float* score) {
  constexpr int32_t kStep = 4;
  constexpr int64_t kVecBytes = kKvBlock * static_cast<int64_t>(sizeof(E));
  Vec acc[2] = {Vec::set(0.0F), Vec::set(0.0F)};
  const auto take = [&](int32_t d, Vec& to) {
    to = Vec::madd(Vec::set(q[d]), load_elements(keys.elements + d * kKvBlock), to);
  };
  int32_t d = 0;
  for (; d + kStep <= head_dim; d += kStep) {
    ahead.fetch(d * kVecBytes, kStep * kVecBytes);
    for (int32_t i = 0; i < kStep; ++i) take(d + i, acc[i % 2]);
  }
  for (int32_t i = 0; d + i < head_dim; ++i) take(d + i, acc[i % 2]);
  Vec sum = Vec::add(acc[0], acc[1]);
  if (sizeof(E) == 1) sum = Vec::mul(sum, Vec::load(keys.scales));
  sum.store(score);
}

// Scores of n keys of a head to probabilities times the values' scales. Returns the sum of the probabilities.
template <class E>
float soften(const Cache<E>& cache, int32_t head, float* score, int32_t n) {
  const float lowest = -__builtin_inff();
  Vec largest = Vec::set(lowest);
  for (int32_t i = 0; i < n; i += 16) largest = Vec::max(Vec::fill_from(Vec::load(score + i), n - i, lowest), largest);
  const Vec shift = Vec::set(Vec::largest(largest));
  Vec sum = Vec::set(0.0F);
  for (int32_t i = 0; i < n; i += 16) {
    const Vec p = vec_exp(Vec::sub(Vec::fill_from(Vec::load(score + i), n - i, lowest), shift));
    sum = Vec::add(sum, p);
    (sizeof(E) == 1 ? Vec::mul(p, Vec::load(cache.values(head, i).scales)) : p).store(score + i);
  }
  return Vec::sum(sum);
}

// mixed[key % 2][0, 16 * kVecs) += p[key] * values[key][...] for the first n keys of a block, head_dim apart; `tail` of
// the last vector's lanes exist.
template <class E, int kVecs, FetchAhead kAhead>
void mix_part(const E* values, int32_t head_dim, const float* p, int32_t n, int32_t tail, Upcoming<kAhead> ahead,
              float* mixed, int64_t stride) {
  constexpr int64_t kPairBytes = int64_t{2} * kVecs * 16 * static_cast<int64_t>(sizeof(E));
  Vec acc[2][count(kVecs)];
  for (int c = 0; c < kVecs; ++c) {
    acc[0][c] = Vec::load(mixed + 16 * c);
    acc[1][c] = Vec::load(mixed + stride + 16 * c);
  }
  const auto take = [&](int32_t key, Vec(&to)[count(kVecs)]) {
    const Vec factor = Vec::set(p[key]);
    for (int c = 0; c < kVecs; ++c) {
      const E* from = values + key * head_dim + 16 * c;
      to[c] = Vec::madd(factor, c + 1 < kVecs ? load_elements(from) : load_elements_part(from, tail), to[c]);
    }
  };
  int32_t key = 0;
  for (; key + 2 <= n; key += 2) {
    ahead.fetch(key / 2 * kPairBytes, kPairBytes);
    take(key, acc[0]);
    take(key + 1, acc[1]);
  }
  if (key < n) take(key, acc[0]);
  for (int c = 0; c < kVecs; ++c) {
    acc[0][c].store(mixed + 16 * c);
    acc[1][c].store(mixed + stride + 16 * c);
  }
}

template <class E, FetchAhead kAhead>
void mix_block(KvBlock<E> values, int32_t head_dim, const float* p, int32_t n, Upcoming<kAhead> ahead, float* mixed,
               int64_t stride) {
  constexpr int kVecs = Vec::kDecodeVecs;
  int32_t d = 0;
  const auto ahead_of = [&] { return Upcoming<kAhead>{ahead.data + d * kKvBlock * static_cast<int64_t>(sizeof(E))}; };
  for (; d + 16 * kVecs <= head_dim; d += 16 * kVecs) {
    mix_part<E, kVecs>(values.elements + d, head_dim, p, n, 16, ahead_of(), mixed + d, stride);
  }
  for (; d < head_dim; d += 16) {
    mix_part<E, 1>(values.elements + d, head_dim, p, n, at_most(head_dim - d, 16), ahead_of(), mixed + d, stride);
  }
}

// Scratch memory of attend_row; dims is head_dim rounded up to 16, positions the keys rounded up to 16.
struct RowScratch {
  int64_t dims;
  int64_t positions;
  float* q;      // [heads][dims], times the scale
  float* mixed;  // [heads][2][dims]: of even and of odd positions
  float* sum;    // [heads]
  float* score;  // [heads][positions]

  RowScratch(const AttentionArgs& a, int32_t n_keys)
      : dims(round_up(a.head_dim, 16)),
        positions(round_up(n_keys, kKvBlock)),
        q(static_cast<float*>(a.scratch)),
        mixed(q + a.n_heads * dims),
        sum(mixed + a.n_heads * 2 * dims),
        score(sum + round_up(a.n_heads, 16)) {}
};

template <FetchAhead kAhead, class E>
void attend_row(const AttentionArgs& a, const Cache<E>& cache, int32_t row) {
  const int32_t n = a.first_position + row + 1;
  const RowScratch s(a, n);
  for (int32_t head = 0; head < a.n_heads; ++head) {
    load_query(a.q + row * a.q_stride + head * a.head_dim, a.scale, a.head_dim, s.q + head * s.dims);
  }
  for (int64_t i = 0; i < a.n_heads * 2 * s.dims; i += 16) Vec::set(0.0F).store(s.mixed + i);
  Ahead<kAhead> ahead(a, cache, n, s.q);
  for (int32_t key = 0; key < n; key += kKvBlock) {
    for (int32_t head = 0; head < a.n_heads; ++head) {
      score_block(cache.keys(head, key), s.q + head * s.dims, a.head_dim, ahead.take(),
                  s.score + head * s.positions + key);
    }
  }
  for (int32_t head = 0; head < a.n_heads; ++head) s.sum[head] = soften(cache, head, s.score + head * s.positions, n);
  for (int32_t key = 0; key < n; key += kKvBlock) {
    for (int32_t head = 0; head < a.n_heads; ++head) {
      mix_block(cache.values(head, key), a.head_dim, s.score + head * s.positions + key, at_most(n - key, kKvBlock),
                ahead.take(), s.mixed + head * 2 * s.dims, s.dims);
    }
  }
  for (int32_t head = 0; head < a.n_heads; ++head) {
    float* mixed = s.mixed + head * 2 * s.dims;
    for (int64_t d = 0; d < s.dims; d += 16) {
      Vec::add(Vec::load(mixed + d), Vec::load(mixed + s.dims + d)).store(mixed + d);
    }
    write_quotient(mixed, s.sum[head], a.head_dim, a.out + row * a.out_stride + head * a.head_dim);
  }
}

}  // namespace
