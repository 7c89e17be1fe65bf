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
  int32_t heads = 1;
  int32_t head_dim = 64;
  int32_t capacity = 100;
  int32_t kv_type = kKvF16;
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
        scratch_(attention_scratch_bytes(shape.head_dim, shape.capacity, shape.heads)),
        q_(random.normals(int64_t{shape.capacity} * stride(), 2.0F)),
        k_(random.normals(int64_t{shape.capacity} * stride())),
        v_(random.normals(int64_t{shape.capacity} * stride())) {
    std::memset(scratch_.data(), 0xff, static_cast<size_t>(scratch_.size()));  // NaNs: none of them may count
  }

  [[nodiscard]] int32_t columns() const { return shape_.heads * shape_.head_dim; }
  [[nodiscard]] int64_t stride() const { return columns() + 5; }

  [[nodiscard]] AttentionArgs args(int32_t first, int32_t n, std::vector<float>& out) {
    AttentionArgs a = {};
    a.q = q_.data() + first * stride();
    a.k = k_.data() + first * stride();
    a.v = v_.data() + first * stride();
    a.out = out.data();
    a.cache = cache_.data();
    a.scratch = scratch_.data();
    a.q_stride = a.kv_stride = a.out_stride = stride();
    a.n_rows = n;
    a.first_position = first;
    a.head_dim = shape_.head_dim;
    a.group_heads = a.n_heads = shape_.heads;
    a.capacity = shape_.capacity;
    a.kv_type = shape_.kv_type;
    a.scale = 1.0F / std::sqrt(static_cast<float>(shape_.head_dim));
    return a;
  }

  // The same for one head.
  [[nodiscard]] AttentionArgs args_of_head(int32_t head, int32_t first, int32_t n, std::vector<float>& out) {
    AttentionArgs a = args(first, n, out);
    const int32_t column = head * shape_.head_dim;
    a.q += column;
    a.k += column;
    a.v += column;
    a.out += column;
    a.first_head = head;
    a.n_heads = 1;
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

  // Attention of a row in double precision over what the cache holds, for a head.
  [[nodiscard]] Exact exact(int32_t position, int32_t head) const {
    const int32_t first = head * shape_.head_dim;
    std::vector<double> p(static_cast<size_t>(position) + 1);
    double largest = -1e300;
    Exact r;
    for (int32_t j = 0; j <= position; ++j) {
      double score = 0.0;
      double magnitude = 0.0;
      for (int32_t d = first; d < first + shape_.head_dim; ++d) {
        const double product = double{q_[static_cast<size_t>(position * stride() + d)]} * key(j, d);
        score += product;
        magnitude += std::abs(product);
      }
      r.score = std::max(r.score, magnitude / std::sqrt(static_cast<double>(shape_.head_dim)));
      p[static_cast<size_t>(j)] = score / std::sqrt(static_cast<double>(shape_.head_dim));
      largest = std::max(largest, p[static_cast<size_t>(j)]);
    }
    double sum = 0.0;
    for (double& x : p) sum += x = std::exp(x - largest);
    r.out.resize(static_cast<size_t>(shape_.head_dim));
    r.magnitude.resize(static_cast<size_t>(shape_.head_dim));
    for (int32_t j = 0; j <= position; ++j) {
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
      for (int32_t head = 0; head < shape_.heads; ++head) {
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
      double largest = 0.0;
      for (int32_t d = 0; d < columns(); ++d) {
        largest = std::max(largest, std::abs(double{k_[static_cast<size_t>(j * stride() + d)]}));
        largest = std::max(largest, std::abs(double{v_[static_cast<size_t>(j * stride() + d)]}));
      }
      for (int32_t d = 0; d < columns(); ++d) {
        const double k = k_[static_cast<size_t>(j * stride() + d)];
        const double v = v_[static_cast<size_t>(j * stride() + d)];
        const auto bound = [&](double x) {
          return shape_.kv_type == kKvF32   ? 0.0
                 : shape_.kv_type == kKvF16 ? std::abs(x) / 2048.0 + 3e-8
                                            : largest / 127.0 * 0.501;
        };
        ASSERT_LE(std::abs(key(j, d) - k), bound(k)) << j << " " << d;
        ASSERT_LE(std::abs(value(j, d) - v), bound(v)) << j << " " << d;
      }
    }
  }

  std::vector<float>& keys() { return k_; }
  [[nodiscard]] const Aligned<uint8_t>& cache() const { return cache_; }

 private:
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
};

}  // namespace inferbench::cpu_quant
