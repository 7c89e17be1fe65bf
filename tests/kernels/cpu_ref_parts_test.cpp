// SPDX-License-Identifier: Apache-2.0
// cpu_ref's parts around the kernels: conversion and packing, linear layers of any shape, the thread pool.
#include <gtest/gtest.h>

#include <atomic>
#include <bit>
#include <chrono>
#include <cmath>
#include <cstring>
#include <random>
#include <thread>
#include <vector>

#include "forward.hpp"
#include "inferbench/backend_values.hpp"
#include "isa.hpp"

namespace inferbench::cpu_ref {
namespace {

std::vector<float> random_numbers(std::int64_t n, unsigned seed) {
  std::mt19937 random(seed);
  std::uniform_real_distribution<float> uniform(-1, 1);
  std::vector<float> values(static_cast<std::size_t>(n));
  for (float& value : values) value = uniform(random);
  return values;
}

template <class T>
ib_tensor tensor_of(const std::vector<T>& data, std::int32_t dtype, std::int64_t rows, std::int64_t columns) {
  return {"test", dtype, 2, {rows, columns, 0, 0}, data.data(), data.size() * sizeof(T)};
}

// By the format's definition.
float half_value(std::uint16_t bits) {
  const int exponent = bits >> 10 & 31;
  const int fraction = bits & 1023;
  const float sign = (bits & 0x8000) != 0 ? -1.0F : 1.0F;
  if (exponent == 31) return fraction != 0 ? std::nanf("") : sign * INFINITY;
  if (exponent == 0) return sign * std::ldexp(static_cast<float>(fraction), -24);
  return sign * std::ldexp(static_cast<float>(1024 + fraction), exponent - 25);
}

TEST(Convert, EveryHalf) {
  std::vector<std::uint16_t> all(65536);
  for (std::size_t i = 0; i < all.size(); ++i) all[i] = static_cast<std::uint16_t>(i);
  std::vector<float> out(all.size());
  read_values(tensor_of(all, IB_DTYPE_F16, 256, 256), 0, 65536, out.data());
  for (std::size_t i = 0; i < all.size(); ++i) {
    const float expected = half_value(all[i]);
    if (std::isnan(expected)) {
      ASSERT_TRUE(std::isnan(out[i])) << i;
    } else {
      ASSERT_EQ(std::bit_cast<std::uint32_t>(out[i]), std::bit_cast<std::uint32_t>(expected)) << i;
    }
  }
}

TEST(Convert, EveryBfloat) {
  std::vector<std::uint16_t> all(65536);
  for (std::size_t i = 0; i < all.size(); ++i) all[i] = static_cast<std::uint16_t>(i);
  std::vector<float> out(all.size());
  read_values(tensor_of(all, IB_DTYPE_BF16, 256, 256), 0, 65536, out.data());
  for (std::size_t i = 0; i < all.size(); ++i) {
    ASSERT_EQ(std::bit_cast<std::uint32_t>(out[i]), static_cast<std::uint32_t>(i) << 16);
  }
}

TEST(Pack, BothOrientationsWithPadding) {
  for (const std::int64_t inputs : {1, 5, 64, 65, 130}) {
    for (const std::int64_t outputs : {1, 31, 32, 33, 97}) {
      PackedMatrix matrix{nullptr, inputs, outputs};
      const auto in_out = random_numbers(inputs * outputs, 1);
      std::vector<float> out_in(in_out.size());
      for (std::int64_t k = 0; k < inputs; ++k) {
        for (std::int64_t n = 0; n < outputs; ++n) out_in.data()[n * inputs + k] = in_out.data()[k * outputs + n];
      }
      for (const bool transposed : {false, true}) {
        std::vector<float> data(static_cast<std::size_t>(matrix.n_floats()), 777.0F);
        matrix.data = data.data();
        for (std::int64_t p = 0; p < matrix.n_panels(); ++p) {
          if (transposed) {
            pack_panel_transposed(tensor_of(out_in, IB_DTYPE_F32, outputs, inputs), matrix, p);
          } else {
            pack_panel(tensor_of(in_out, IB_DTYPE_F32, inputs, outputs), matrix, p);
          }
        }
        for (std::int64_t i = 0; i < matrix.n_floats(); ++i) {
          const std::int64_t n = i / (inputs * kPanel) * kPanel + i % kPanel;
          const std::int64_t k = i / kPanel % inputs;
          ASSERT_EQ(data.data()[i], n < outputs ? in_out.data()[k * outputs + n] : 0.0F) << inputs << "x" << outputs;
        }
      }
    }
  }
}

struct LinearCase {
  std::int64_t inputs, outputs, rows;
};

// One linear layer with everything that it needs.
struct LinearRun {
  explicit LinearRun(const LinearCase& shape)
      : weights(random_numbers(shape.inputs * shape.outputs, 2)),
        bias(random_numbers(shape.outputs, 3)),
        packed(PackedMatrix{nullptr, shape.inputs, shape.outputs}),
        x(random_numbers(shape.rows * (shape.inputs + 7), 4)),
        start(random_numbers(shape.rows * (shape.outputs + 5), 5)),
        x_rows{x.data(), shape.rows, shape.inputs + 7} {
    storage.resize(static_cast<std::size_t>(packed.n_floats()));
    packed.data = storage.data();
    const ib_tensor tensor = tensor_of(weights, IB_DTYPE_F32, shape.inputs, shape.outputs);
    for (std::int64_t p = 0; p < packed.n_panels(); ++p) pack_panel(tensor, packed, p);
  }

  std::vector<float> run(const Engine& engine, Into into, bool with_bias) {
    std::vector<float> y = start;
    linear(engine, packed, with_bias ? bias.data() : nullptr, x_rows, {y.data(), x_rows.n, packed.outputs + 5}, into);
    return y;
  }

  std::vector<float> weights, bias;
  PackedMatrix packed;
  std::vector<float> storage, x, start;
  Rows x_rows;
};

TEST(Linear, EqualsFloat64ForAllShapes) {
  ThreadPool pool(3);
  for (const char* isa : {"generic", "avx2", "avx512"}) {
    const Engine engine{&pool, find_kernels(isa)};
    if (engine.kernels == nullptr) continue;
    for (const LinearCase& shape : {LinearCase{1, 1, 1},
                                    {5, 33, 2},
                                    {256, 64, 13},
                                    {257, 31, 12},
                                    {300, 200, 241},
                                    {600, 97, 25},
                                    {64, 257, 100}}) {
      LinearRun layer(shape);
      for (const Into into : {Into::kReplace, Into::kAdd}) {
        const auto y = layer.run(engine, into, into == Into::kAdd);
        for (std::int64_t i = 0; i < static_cast<std::int64_t>(y.size()); ++i) {
          const std::int64_t r = i / (shape.outputs + 5);
          const std::int64_t n = i % (shape.outputs + 5);
          double expected = layer.start.data()[i];
          if (n < shape.outputs) {
            expected = into == Into::kAdd ? expected + layer.bias.data()[n] : 0;
            for (std::int64_t k = 0; k < shape.inputs; ++k) {
              expected += static_cast<double>(layer.x_rows.row(r)[k]) * layer.weights.data()[k * shape.outputs + n];
            }
          }
          ASSERT_NEAR(y.data()[i], expected, n < shape.outputs ? 2e-5 : 0)
              << isa << " " << shape.inputs << "x" << shape.outputs << ", row " << r << ", output " << n;
        }
      }
    }
  }
}

TEST(Linear, SameBitsForAnyThreadsAndRows) {
  ThreadPool one(1);
  ThreadPool three(3);
  LinearRun layer({700, 130, 260});
  const Engine engine{&one, find_kernels("auto")};
  const auto expected = layer.run(engine, Into::kReplace, true);
  EXPECT_EQ(expected, layer.run({&three, engine.kernels}, Into::kReplace, true));
  const Rows all = layer.x_rows;
  for (std::int64_t r = 0; r < all.n; r += 37) {
    layer.x_rows = {all.row(r), 1, all.stride};
    const auto alone = layer.run(engine, Into::kReplace, true);
    // NOLINTNEXTLINE(bugprone-suspicious-memory-comparison): the same bits
    EXPECT_EQ(std::memcmp(alone.data(), expected.data() + r * 135, 130 * sizeof(float)), 0) << "row " << r;
  }
}

TEST(ThreadPool, EveryItemOnce) {
  for (const int n_threads : {1, 2, 3, 7}) {
    ThreadPool pool(n_threads);
    EXPECT_EQ(pool.n_threads(), n_threads);
    for (const std::int64_t n_items : {0, 1, 2, 3, 10, 1000}) {
      std::vector<std::atomic<int>> counts(static_cast<std::size_t>(n_items));
      std::atomic<bool> bad_thread{false};
      pool.parallel_for(n_items, [&](std::int64_t item, int thread) {
        ++counts[static_cast<std::size_t>(item)];
        if (thread < 0 || thread >= n_threads) bad_thread = true;
      });
      for (const auto& count : counts) EXPECT_EQ(count, 1);
      EXPECT_FALSE(bad_thread);
    }
  }
}

TEST(ThreadPool, ManyJobsWithAndWithoutSleepBetween) {
  ThreadPool pool(3);
  std::int64_t expected = 0;
  std::atomic<std::int64_t> sum{0};
  for (int job = 0; job < 2000; ++job) {
    pool.parallel_for(5, [&](std::int64_t item, int) { sum += item * job; });
    expected += std::int64_t{10} * job;
    if (job % 100 == 0) std::this_thread::sleep_for(std::chrono::milliseconds(2));  // long enough to fall asleep
  }
  EXPECT_EQ(sum, expected);
}

TEST(ThreadPool, ResultsAreVisibleAfterwards) {
  ThreadPool pool(2);
  std::vector<int> plain(1000);
  for (int round = 1; round <= 100; ++round) {
    pool.parallel_for(1000, [&](std::int64_t item, int) { plain[static_cast<std::size_t>(item)] += 1; });
    for (const int value : plain) ASSERT_EQ(value, round);
  }
}

}  // namespace
}  // namespace inferbench::cpu_ref
