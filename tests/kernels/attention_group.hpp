// SPDX-License-Identifier: Apache-2.0
//
// A group of heads with its cache: attention by a table, and in double precision over the values that the cache holds.
#pragma once

#include <algorithm>
#include <cmath>

#include "quant_testing.hpp"

namespace inferbench::cpu_quant {

// Half precision by the rules of IEEE 754, the slow way.
inline double half_value(uint16_t h) {
  const int exponent = (h >> 10) & 31;
  const double mantissa = (h & 1023) / 1024.0;
  const double magnitude = exponent == 0 ? std::ldexp(mantissa, -14) : std::ldexp(1.0 + mantissa, exponent - 15);
  return (h & 0x8000) != 0 ? -magnitude : magnitude;
}

struct Shape {
  int32_t heads = 1;    // of keys
  int32_t queries = 1;  // heads of queries for each of them
  int32_t head_dim = 64;
  int32_t capacity = 100;
  int32_t kv_type = kKvF16;
  int32_t window = 0;
  float soft_cap = 0.0F;
  bool rotates = false;
  bool normalizes = false;
};

inline void attend(const KernelTable& kernels, const AttentionArgs& args) {
  (args.n_rows <= kAttentionFewRows ? kernels.attention_few : kernels.attention_many)(&args);
}

// A group's cache and the rows that go in.
class Group {
 public:
  Group(const KernelTable& kernels, const Shape& shape, Random& random)
      : kernels_(kernels),
        shape_(shape),
        cache_(kv_group_bytes(shape.kv_type, shape.capacity, shape.head_dim, shape.heads)),
        scratch_(attention_scratch_bytes(shape.head_dim, shape.capacity, shape.heads * shape.queries)),
        q_(random.normals(int64_t{shape.capacity} * stride(), 2.0F)),
        k_(random.normals(int64_t{shape.capacity} * kv_stride())),
        v_(random.normals(int64_t{shape.capacity} * kv_stride())) {
    std::memset(scratch_.data(), 0xff, static_cast<size_t>(scratch_.size()));  // NaNs: none of them may count
    if (shape.rotates) {
      for (int64_t i = 0; i < int64_t{shape.capacity} * rotary_stride(); ++i) {
        const auto turn = static_cast<double>(i / rotary_stride() * (1 + i % rotary_stride() % (shape.head_dim / 2)));
        const bool is_sine = i % rotary_stride() >= shape.head_dim / 2;
        rotary_.push_back(1.1F * static_cast<float>(is_sine ? std::sin(0.1 * turn) : std::cos(0.1 * turn)));
      }
    }
    if (!shape.normalizes) return;
    q_norm_ = random.normals(shape.head_dim);
    k_norm_ = random.normals(shape.head_dim);
  }

  [[nodiscard]] int32_t columns() const { return shape_.heads * shape_.queries * shape_.head_dim; }
  [[nodiscard]] int64_t stride() const { return columns() + 5; }
  [[nodiscard]] int64_t kv_stride() const { return shape_.heads * shape_.head_dim + 5; }
  [[nodiscard]] int64_t rotary_stride() const { return shape_.head_dim + 3; }

  [[nodiscard]] AttentionArgs args(int32_t first, int32_t n, std::vector<float>& out) {
    AttentionArgs a = {};
    a.q = q_.data() + first * stride();
    a.k = k_.data() + first * kv_stride();
    a.v = v_.data() + first * kv_stride();
    a.out = out.data();
    a.cache = cache_.data();
    a.scratch = scratch_.data();
    a.q_stride = a.out_stride = stride();
    a.kv_stride = kv_stride();
    a.rotary = shape_.rotates ? rotary_.data() + first * rotary_stride() : nullptr;
    a.rotary_stride = rotary_stride();
    a.q_norm = shape_.normalizes ? q_norm_.data() : nullptr;
    a.k_norm = shape_.normalizes ? k_norm_.data() : nullptr;
    a.norm_epsilon = 1e-2F;
    a.n_rows = n;
    a.first_position = first;
    a.head_dim = shape_.head_dim;
    a.group_heads = a.n_heads = shape_.heads;
    a.queries_per_head = shape_.queries;
    a.window = shape_.window;
    a.soft_cap = shape_.soft_cap;
    a.capacity = shape_.capacity;
    a.kv_type = shape_.kv_type;
    a.scale = 1.0F / std::sqrt(static_cast<float>(shape_.head_dim));
    return a;
  }

  // The same for one head of keys.
  [[nodiscard]] AttentionArgs args_of_head(int32_t head, int32_t first, int32_t n, std::vector<float>& out) {
    AttentionArgs a = args(first, n, out);
    const int32_t column = head * shape_.head_dim;
    a.q += int64_t{column} * shape_.queries;
    a.k += column;
    a.v += column;
    a.out += int64_t{column} * shape_.queries;
    a.first_head = head;
    a.n_heads = 1;
    return a;
  }

  // The same for one head of queries.
  [[nodiscard]] AttentionArgs args_of_query(int32_t query, int32_t first, int32_t n, std::vector<float>& out) {
    AttentionArgs a = args_of_head(query / shape_.queries, first, n, out);
    const int32_t column = query % shape_.queries * shape_.head_dim;
    a.q += column;
    a.out += column;
    a.queries_per_head = 1;
    return a;
  }

  // Appends rows [first, first + n) and attends with them.
  std::vector<float> step(int32_t first, int32_t n) {
    std::vector<float> out(static_cast<size_t>(n * stride()), 9.0F);
    const AttentionArgs a = args(first, n, out);
    kernels_.kv_append(&a);
    attend(kernels_, a);
    return out;
  }

  [[nodiscard]] double key(int32_t position, int32_t column) const {
    return stored(0, position, column, column % shape_.head_dim * kKvBlock + position % kKvBlock);
  }
  [[nodiscard]] double value(int32_t position, int32_t column) const {
    return stored(kv_keys_bytes(shape_.kv_type, shape_.capacity, shape_.head_dim, shape_.heads), position, column,
                  position % kKvBlock * shape_.head_dim + column % shape_.head_dim);
  }

  // Of a row and a head.
  struct Exact {
    std::vector<double> out;
    std::vector<double> magnitude;  // of the terms that make each element
    double score = 0.0;             // the largest magnitude of the terms that make a score
  };

  // The head from x on of the row at a position, normalized and rotated, in double precision.
  [[nodiscard]] std::vector<double> prepared(const float* x, const std::vector<float>& norm, int32_t position) const {
    const auto n = static_cast<size_t>(shape_.head_dim);
    std::vector<double> z(x, x + n);
    if (shape_.normalizes) {
      double mean = 0.0;
      for (const double v : z) mean += v * v / static_cast<double>(n);
      for (size_t i = 0; i < n; ++i) z[i] *= norm[i] / std::sqrt(mean + double{1e-2F});
    }
    if (!shape_.rotates) return z;
    const float* rotary = rotary_.data() + position * rotary_stride();
    const std::vector<double> before = z;
    for (size_t i = 0; i < n / 2; ++i) {
      z[i] = before[i] * double{rotary[i]} - before[n / 2 + i] * double{rotary[n / 2 + i]};
      z[n / 2 + i] = before[n / 2 + i] * double{rotary[i]} + before[i] * double{rotary[n / 2 + i]};
    }
    return z;
  }

  // Attention of a row in double precision over what the cache holds, for a head of queries.
  [[nodiscard]] Exact exact(int32_t position, int32_t query) const {
    const int32_t first = query / shape_.queries * shape_.head_dim;  // column of its keys
    const int32_t start = shape_.window > 0 ? std::max(0, position + 1 - shape_.window) : 0;
    const std::vector<double> q =
        prepared(q_.data() + position * stride() + query * shape_.head_dim, q_norm_, position);
    std::vector<double> p(static_cast<size_t>(position) + 1);
    double largest = -1e300;
    Exact r;
    for (int32_t j = start; j <= position; ++j) {
      double score = 0.0;
      double magnitude = 0.0;
      for (int32_t d = 0; d < shape_.head_dim; ++d) {
        const double product = q[static_cast<size_t>(d)] * key(j, first + d);
        score += product;
        magnitude += std::abs(product);
      }
      r.score = std::max(r.score, magnitude / std::sqrt(static_cast<double>(shape_.head_dim)));
      score /= std::sqrt(static_cast<double>(shape_.head_dim));
      if (shape_.soft_cap > 0) score = shape_.soft_cap * std::tanh(score / shape_.soft_cap);
      p[static_cast<size_t>(j)] = score;
      largest = std::max(largest, score);
    }
    double sum = 0.0;
    for (int32_t j = start; j <= position; ++j) {
      double& x = p[static_cast<size_t>(j)];
      sum += x = std::exp(x - largest);
    }
    r.out.resize(static_cast<size_t>(shape_.head_dim));
    r.magnitude.resize(static_cast<size_t>(shape_.head_dim));
    for (int32_t j = start; j <= position; ++j) {
      for (int32_t d = 0; d < shape_.head_dim; ++d) {
        const double term = p[static_cast<size_t>(j)] / sum * value(j, first + d);
        r.out[static_cast<size_t>(d)] += term;
        r.magnitude[static_cast<size_t>(d)] += std::abs(term);
      }
    }
    return r;
  }

  // Of sums in f32: 5e-6 where they are short; else what as many roundings as a score has terms can do at most.
  [[nodiscard]] double sum_error(const Exact& exact, int32_t d) const {
    if (shape_.head_dim <= 128) return 5e-6;
    return 2.0 * shape_.head_dim * std::ldexp(exact.score, -24) * exact.magnitude[static_cast<size_t>(d)];
  }

  // Whether n rows are attended with in bf16.
  [[nodiscard]] bool is_bf16(int32_t n) const { return kernels_.isa == Isa::Amx && n > kAttentionFewRows; }

  // Rounding to a bf16, whose neighbours are 2^-7 apart at 1, leaves at most 2^-8 of a number: of each probability and
  // value. Queries and keys are two such numbers, which leave 2^-16, and of their products that of the two lower parts,
  // 2^-16, is left out; an error e of the scores is one of 2 e of the probabilities.
  [[nodiscard]] static double bf16_error(const Exact& exact, int32_t d) {
    const double score = exact.score * std::ldexp(3.0, -16);
    return exact.magnitude[static_cast<size_t>(d)] * (std::ldexp(2.0, -8) + 2.0 * score);
  }

  void expect_exact(const std::vector<float>& out, int32_t first, int32_t n) const {
    for (int32_t r = 0; r < n; ++r) {
      for (int32_t head = 0; head < shape_.heads * shape_.queries; ++head) {
        const Exact want = exact(first + r, head);
        for (int32_t d = 0; d < shape_.head_dim; ++d) {
          const int64_t at = r * stride() + head * shape_.head_dim + d;
          const double allowed = sum_error(want, d) + (is_bf16(n) ? bf16_error(want, d) : 0.0);
          ASSERT_NEAR(out[static_cast<size_t>(at)], want.out[static_cast<size_t>(d)], allowed)
              << "row " << first + r << " head " << head << " dim " << d << " of " << shape_.head_dim << ", kv "
              << shape_.kv_type;
        }
      }
      for (int64_t d = columns(); d < stride(); ++d) {
        ASSERT_EQ(out[static_cast<size_t>(r * stride() + d)], 9.0F);
      }
    }
  }

  // What was appended came back from the cache within the type's rounding.
  void expect_stored(int32_t n) const {
    for (int32_t j = 0; j < n; ++j) {
      for (int32_t head = 0; head < shape_.heads; ++head) {
        const int64_t from = j * kv_stride() + head * shape_.head_dim;
        const std::vector<double> k = prepared(k_.data() + from, k_norm_, j);
        const std::vector<double> v(v_.data() + from, v_.data() + from + shape_.head_dim);
        for (int32_t d = 0; d < shape_.head_dim; ++d) {
          const int32_t column = head * shape_.head_dim + d;
          ASSERT_LE(std::abs(key(j, column) - k[static_cast<size_t>(d)]), rounding(k, d)) << j << " " << column;
          ASSERT_LE(std::abs(value(j, column) - v[static_cast<size_t>(d)]), rounding(v, d)) << j << " " << column;
        }
      }
    }
  }

  std::vector<float>& keys() { return k_; }
  [[nodiscard]] const Aligned<uint8_t>& cache() const { return cache_; }

 private:
  // What storing element d of a head may leave; norm and rotation are in f32.
  [[nodiscard]] double rounding(const std::vector<double>& x, int32_t d) const {
    double largest = 0.0;
    for (const double v : x) largest = std::max(largest, std::abs(v));
    const double before = shape_.rotates || shape_.normalizes ? 1e-6 * largest : 0.0;
    if (shape_.kv_type == kKvF32) return before;
    if (shape_.kv_type == kKvF16) return before + std::abs(x[static_cast<size_t>(d)]) / 2048.0 + 3e-8;
    return before + largest / 127.0 * 0.501;
  }

  // An element of a block, times its scale; `base` is where the keys or values begin.
  [[nodiscard]] double stored(int64_t base, int32_t position, int32_t column, int32_t element) const {
    const int32_t block = position / kKvBlock * shape_.heads + column / shape_.head_dim;
    const uint8_t* at = cache_.data() + base + block * kv_block_bytes(shape_.kv_type, shape_.head_dim);
    if (shape_.kv_type == kKvF32) return reinterpret_cast<const float*>(at)[element];
    if (shape_.kv_type == kKvF16) return half_value(reinterpret_cast<const uint16_t*>(at)[element]);
    const auto* scales = reinterpret_cast<const float*>(at + kv_block_scale_offset(shape_.kv_type, shape_.head_dim));
    return reinterpret_cast<const int8_t*>(at)[element] * double{scales[position % kKvBlock]};
  }

  const KernelTable& kernels_;
  Shape shape_;
  Aligned<uint8_t> cache_;
  Aligned<uint8_t> scratch_;
  std::vector<float> q_;
  std::vector<float> k_;
  std::vector<float> v_;
  std::vector<float> rotary_;
  std::vector<float> q_norm_;
  std::vector<float> k_norm_;
};

}  // namespace inferbench::cpu_quant
