// SPDX-License-Identifier: Apache-2.0
// cpu_ref's attention, as its operator runs it, against float64: windows that begin anywhere in a panel and in a
// stretch of sums, grouped heads, soft caps, norms and rotation of queries and keys.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

#include "kernels/cpu_ref_testing.hpp"
#include "operator.hpp"

namespace inferbench::cpu_ref {
namespace {

struct AttentionCase {
  std::int32_t n_heads = 2;
  std::int32_t n_kv_heads = 2;
  std::int32_t head_dim = 8;
  std::int32_t window = 0;
  double soft_cap = 0;
  bool qk_norm = false;
  bool rotary = false;
};

constexpr double kEpsilon = 1e-5;
constexpr double kRotaryScale = 1.1;

// A sequence of `n` positions, and its attention in float64.
class Sequence {
 public:
  Sequence(const AttentionCase& attention, std::int64_t n)
      : case_(attention),
        q_(std::int64_t{attention.n_heads} * attention.head_dim),
        kv_(std::int64_t{attention.n_kv_heads} * attention.head_dim),
        x_(random_values(static_cast<std::size_t>(n * (q_ + 2 * kv_)), 2, 40)),
        q_norm_(random_values(static_cast<std::size_t>(attention.head_dim), 2, 41)),
        k_norm_(random_values(static_cast<std::size_t>(attention.head_dim), 2, 42)),
        desc_(),
        layer_{attention.window, attention.rotary ? 0 : -1, 0.3},
        tensors_{tensor_of("layer.0.attn_q_norm.weight", q_norm_), tensor_of("layer.0.attn_k_norm.weight", k_norm_)} {
    for (std::int32_t j = 0; j < attention.head_dim / 2; ++j) frequencies_.push_back(std::pow(0.6, j));
    desc_.struct_size = sizeof(desc_);
    desc_.n_layers = 1;
    desc_.n_heads = attention.n_heads;
    desc_.n_kv_heads = attention.n_kv_heads;
    desc_.head_dim = attention.head_dim;
    desc_.hidden_size = desc_.intermediate_size = 4;
    desc_.max_positions = static_cast<std::int32_t>(n);
    desc_.norm_epsilon = kEpsilon;
    desc_.norm = IB_NORM_RMS;
    desc_.qk_norm = attention.qk_norm ? 1 : 0;
    desc_.attention_soft_cap = attention.soft_cap;
    desc_.layers = &layer_;
    desc_.n_rotary_tables = attention.rotary ? 1 : 0;
    desc_.rotary_frequencies = frequencies_.data();
    desc_.rotary_scales = &kRotaryScale;
    desc_.tensors = tensors_;
    desc_.n_tensors = attention.qk_norm ? 2 : 0;
    for (std::int64_t position = 0; position < n; ++position) prepare(position);
  }
  Sequence(const Sequence&) = delete;
  Sequence& operator=(const Sequence&) = delete;

  /// The operator's result for `rows` positions after `past` others; all past_kv come from the float64 computation.
  std::vector<float> run(Context& context, const char* isa, std::int32_t past, std::int32_t rows) const {
    const ib_option_value option = {"isa", IB_OPTION_CHOICE, 0, 0, 0, isa};
    std::vector<float> past_kv;
    for (std::int64_t position = 0; position < past; ++position) {
      const double* keys = prepared_.data() + position * (q_ + 2 * kv_) + q_;
      for (std::int64_t i = 0; i < 2 * kv_; ++i) past_kv.push_back(static_cast<float>(keys[i]));
    }
    ib_op_desc op{};
    op.struct_size = sizeof(op);
    op.op = IB_OP_ATTENTION;
    op.rows = rows;
    op.past = past;
    op.n_copies = 2;
    op.desc = &desc_;
    op.precision = "fp32";
    op.options = &option;
    op.n_options = 1;
    op.input = x_.data() + past * (q_ + 2 * kv_);
    op.past_kv = past_kv.data();
    Operator attention(context, op);
    std::vector<float> result(static_cast<std::size_t>(rows * q_));
    std::vector<float> again(result.size());
    attention.run(1);
    attention.output(result.data());
    attention.run(0);
    attention.run(1);
    attention.output(again.data());
    EXPECT_TRUE(same_bits(result, again)) << "a run changed the input or the past";
    return result;
  }

  /// The exact attention of one position, [query_size].
  std::vector<double> exact(std::int64_t position) const {
    std::vector<double> out(static_cast<std::size_t>(q_));
    const std::int64_t first =
        case_.window == 0 ? 0 : std::max<std::int64_t>(0, position - std::int64_t{case_.window} + 1);
    for (std::int64_t h = 0; h < case_.n_heads; ++h) {
      const std::int64_t offset = h / (case_.n_heads / case_.n_kv_heads) * case_.head_dim;
      const double* q = prepared_.data() + position * (q_ + 2 * kv_) + h * case_.head_dim;
      std::vector<double> weights;
      double sum = 0;
      for (std::int64_t key = first; key <= position; ++key) {
        const double* k = prepared_.data() + key * (q_ + 2 * kv_) + q_ + offset;
        double score = 0;
        for (std::int64_t d = 0; d < case_.head_dim; ++d) score += q[d] * k[d];
        score *= layer_.attention_scale;
        if (case_.soft_cap != 0) score = case_.soft_cap * std::tanh(score / case_.soft_cap);
        weights.push_back(std::exp(score));
        sum += weights.back();
      }
      for (std::int64_t key = first; key <= position; ++key) {
        const double* v = prepared_.data() + key * (q_ + 2 * kv_) + q_ + kv_ + offset;
        const double weight = weights.data()[key - first] / sum;
        for (std::int64_t d = 0; d < case_.head_dim; ++d) out.data()[h * case_.head_dim + d] += weight * v[d];
      }
    }
    return out;
  }

  std::int64_t query_size() const { return q_; }

 private:
  static ib_tensor tensor_of(const char* name, const std::vector<float>& values) {
    return {name, IB_DTYPE_F32, 1, {std::ssize(values), 0, 0, 0}, {1, 0, 0, 0}, values.data(), values.size() * 4};
  }

  // Appends one position's queries, keys and values as attention uses them.
  void prepare(std::int64_t position) {
    const float* row = x_.data() + position * (q_ + 2 * kv_);
    const auto begin = prepared_.size();
    prepared_.insert(prepared_.end(), row, row + q_ + 2 * kv_);
    for (std::int64_t h = 0; h < case_.n_heads + case_.n_kv_heads; ++h) {
      double* head = prepared_.data() + begin + h * case_.head_dim;
      if (case_.qk_norm) norm(head, h < case_.n_heads ? q_norm_ : k_norm_);
      if (case_.rotary) rotate(head, position);
    }
  }

  void norm(double* head, const std::vector<float>& weight) const {
    double square = 0;
    for (std::int64_t d = 0; d < case_.head_dim; ++d) square += head[d] * head[d] / case_.head_dim;
    for (std::int64_t d = 0; d < case_.head_dim; ++d) head[d] *= weight.data()[d] / std::sqrt(square + kEpsilon);
  }

  void rotate(double* head, std::int64_t position) const {
    const std::int64_t half = case_.head_dim / 2;
    for (std::int64_t j = 0; j < half; ++j) {
      const double angle = static_cast<double>(position) * frequencies_.data()[j];
      const double low = head[j];
      const double high = head[half + j];
      head[j] = kRotaryScale * (low * std::cos(angle) - high * std::sin(angle));
      head[half + j] = kRotaryScale * (high * std::cos(angle) + low * std::sin(angle));
    }
  }

  AttentionCase case_;
  std::int64_t q_;
  std::int64_t kv_;
  std::vector<float> x_;  // [n, q + 2 kv]
  std::vector<float> q_norm_;
  std::vector<float> k_norm_;
  std::vector<double> frequencies_;
  ib_model_desc desc_;
  ib_layer_desc layer_;
  ib_tensor tensors_[2];
  std::vector<double> prepared_;  // [n, q + 2 kv]
};

class Attention : public testing::TestWithParam<const char*> {
 protected:
  void SetUp() override { SKIP_WITHOUT_ISA(find_kernels(GetParam()) != nullptr, GetParam()); }

  static ib_init_params threads(std::int32_t n) {
    ib_init_params params{};
    params.struct_size = sizeof(params);
    params.n_threads = n;
    params.device = "cpu";
    return params;
  }

  void expect_exact(const AttentionCase& attention, std::int32_t past, std::int32_t rows, const std::string& what) {
    expect_exact(context_, attention, past, rows, what);
  }

  static void expect_exact(Context& context, const AttentionCase& attention, std::int32_t past, std::int32_t rows,
                           const std::string& what) {
    const Sequence sequence(attention, past + rows);
    const auto result = sequence.run(context, GetParam(), past, rows);
    for (std::int64_t r = 0; r < rows; ++r) {
      const auto expected = sequence.exact(past + r);
      for (std::int64_t i = 0; i < sequence.query_size(); ++i) {
        ASSERT_NEAR(result.data()[r * sequence.query_size() + i], expected.data()[i], 4e-6)
            << what << ", past " << past << ", row " << r << " of " << rows << ", value " << i;
      }
    }
  }

  Context context_{threads(3)};
};

TEST_P(Attention, WindowsThatBeginAnywhere) {
  for (const std::int32_t window : {0, 1, 2, 31, 32, 33, 100, 256, 300}) {
    for (const std::int32_t past : {0, 1, 31, 40, 255, 300}) {
      for (const std::int32_t rows : {1, 3, 24, 60}) {
        expect_exact({.window = window}, past, rows, "window " + std::to_string(window));
      }
    }
  }
}

TEST_P(Attention, EveryHeadSizeAndGroup) {
  for (const std::int32_t head_dim : {1, 7, 20, 32, 40, 64}) {
    for (const std::int32_t kv_heads : {1, 2, 4}) {
      for (const std::int32_t rows : {1, 30}) {
        for (const std::int32_t past : {0, 50}) {
          const AttentionCase attention{.n_heads = 4, .n_kv_heads = kv_heads, .head_dim = head_dim, .window = 37};
          expect_exact(attention, past, rows,
                       "heads of " + std::to_string(head_dim) + ", " + std::to_string(kv_heads) + " of keys");
        }
      }
    }
  }
}

// More heads share their keys than a segment has rows: each thread has room for the scores of all of them.
TEST_P(Attention, ManyHeadsOfOneKey) {
  Context one(threads(1));
  for (const std::int32_t rows : {1, 2}) {
    expect_exact({.n_heads = 64, .n_kv_heads = 1}, 45, rows, "heads apart");
    expect_exact({.n_heads = 512, .n_kv_heads = 4}, 45, rows, "heads together");
    expect_exact(one, {.n_heads = 64, .n_kv_heads = 1}, 45, rows, "heads together, one thread");
  }
}

TEST_P(Attention, SoftCapNormAndRotation) {
  for (const bool norm : {false, true}) {
    for (const bool rotary : {false, true}) {
      for (const double cap : {0.0, 2.0}) {
        const AttentionCase attention{.n_heads = 6,
                                      .n_kv_heads = 3,
                                      .head_dim = 12,
                                      .window = 20,
                                      .soft_cap = cap,
                                      .qk_norm = norm,
                                      .rotary = rotary};
        const std::string what = std::string(norm ? "norm, " : "") + (rotary ? "rotary, " : "") + std::to_string(cap);
        expect_exact(attention, 33, 26, what);
        expect_exact(attention, 59, 1, what);
      }
    }
  }
}

// A window's walk begins elsewhere, with other rows beside it, and with heads apart or together: the same bits.
TEST_P(Attention, SameBitsHoweverRowsAreCut) {
  Context one(threads(1));
  const AttentionCase attention{.n_heads = 4, .n_kv_heads = 2, .head_dim = 24, .window = 290};
  constexpr std::int32_t kPast = 520;
  constexpr std::int32_t kRows = 70;
  const Sequence sequence(attention, kPast + kRows);
  const auto together = sequence.run(context_, GetParam(), kPast, kRows);
  for (std::int32_t r = 0; r < kRows; ++r) {
    const std::vector<float> expected(together.begin() + r * sequence.query_size(),
                                      together.begin() + (r + 1) * sequence.query_size());
    EXPECT_TRUE(same_bits(sequence.run(context_, GetParam(), kPast + r, 1), expected)) << "row " << r;
    EXPECT_TRUE(same_bits(sequence.run(one, GetParam(), kPast + r, 1), expected)) << "one thread, row " << r;
  }
}

INSTANTIATE_TEST_SUITE_P(Isa, Attention, testing::Values("generic", "avx2", "avx512"),
                         [](const auto& instance) { return instance.param; });

}  // namespace
}  // namespace inferbench::cpu_ref
