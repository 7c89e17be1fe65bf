// SPDX-License-Identifier: Apache-2.0
//
// Few heads of keys and many positions: threads share them, and not a bit of attention changes.
#include <gtest/gtest.h>

#include <array>
#include <cstdint>
#include <random>
#include <vector>

#include "engine/operator.hpp"
#include "inferbench/decoder.hpp"

namespace inferbench::cpu_quant {
namespace {

struct Case {
  std::int32_t kv_heads;
  std::int32_t head_dim;
  std::int32_t past;
  std::int32_t rows;
  std::int32_t window;
};

constexpr std::int32_t kHeads = 4;

std::vector<float> normals(std::int64_t n) {
  std::mt19937 random(5);
  std::normal_distribution<float> normal;
  std::vector<float> values(static_cast<std::size_t>(n));
  for (float& value : values) value = normal(random);
  return values;
}

std::vector<float> attention(const Case& c, std::int32_t n_threads) {
  const ib_layer_desc layer = {c.window, -1, 0.3};
  ib_model_desc desc{};
  desc.struct_size = sizeof desc;
  desc.n_layers = 1;
  desc.n_heads = kHeads;
  desc.n_kv_heads = c.kv_heads;
  desc.head_dim = c.head_dim;
  desc.hidden_size = desc.intermediate_size = 64;
  desc.max_positions = c.past + c.rows;
  desc.norm = IB_NORM_RMS;
  desc.activation = IB_ACTIVATION_SILU;
  desc.norm_epsilon = 1e-5;
  desc.embedding_scale = 1.0;
  desc.layers = &layer;
  const std::array<ib_option_value, 4> options = {{{"isa", IB_OPTION_CHOICE, 0, 0, 0, "auto"},
                                                   {"kv", IB_OPTION_CHOICE, 0, 0, 0, "auto"},
                                                   {"head", IB_OPTION_CHOICE, 0, 0, 0, "auto"},
                                                   {"chunk", IB_OPTION_INT, 0, 512, 0, nullptr}}};
  const std::int64_t kv = std::int64_t{c.kv_heads} * c.head_dim;
  const std::vector<float> input = normals(c.rows * (kHeads * c.head_dim + 2 * kv));
  const std::vector<float> past = normals(c.past * 2 * kv);
  const ib_op_desc op = {sizeof op, IB_OP_ATTENTION, c.rows,         c.past,       1,          &desc,
                         "int8",    options.data(),  options.size(), input.data(), past.data()};
  ib_init_params params{};
  params.struct_size = sizeof params;
  params.n_threads = n_threads;
  Context context(params);
  Operator run(context, op);
  run.run(0);
  std::vector<float> result(static_cast<std::size_t>(c.rows * kHeads * c.head_dim));
  run.output(result.data());
  return result;
}

// Before, at and after the border of a chunk; with a window that begins within one; rows that see a chunk more than the
// row before.
TEST(QuantAttentionThreads, ShareTheKeysOfAHead) {
  for (const Case& c : {Case{1, 64, 1300, 1, 0}, Case{2, 64, 1300, 3, 0}, Case{1, 40, 1022, 3, 0},
                        Case{2, 64, 1300, 2, 700}, Case{1, 64, 1023, 3, 512}, Case{1, 64, 511, 1, 0}}) {
    const std::vector<float> want = attention(c, 1);
    for (const std::int32_t n_threads : {2, 3, 8}) {
      EXPECT_EQ(attention(c, n_threads), want) << n_threads << " threads, " << c.past << " positions before";
    }
  }
}

}  // namespace
}  // namespace inferbench::cpu_quant
