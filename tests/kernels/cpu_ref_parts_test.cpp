// SPDX-License-Identifier: Apache-2.0
// cpu_ref's parts around the kernels: conversion and packing, rotary tables, linear layers of any shape, the thread
// pool.
#include <gtest/gtest.h>

#include <atomic>
#include <bit>
#include <chrono>
#include <cmath>
#include <cstring>
#include <random>
#include <thread>
#include <utility>
#include <vector>

#include "forward.hpp"
#include "inferbench/backend_values.hpp"
#include "isa.hpp"
#include "load.hpp"

namespace inferbench::cpu_ref {
namespace {

std::vector<float> random_numbers(std::int64_t n, unsigned seed) {
  std::mt19937 random(seed);
  std::uniform_real_distribution<float> uniform(-1, 1);
  std::vector<float> values(static_cast<std::size_t>(n));
  for (float& value : values) value = uniform(random);
  return values;
}

// Row by row, or column by column, `more` elements longer than a line needs.
enum class Order { kRows, kColumns };

template <class T>
ib_tensor tensor_of(const std::vector<T>& data, std::int32_t dtype, std::int64_t rows, std::int64_t columns,
                    Order order = Order::kRows, std::int64_t more = 0) {
  const std::int64_t row_stride = order == Order::kRows ? columns + more : 1;
  const std::int64_t column_stride = order == Order::kRows ? 1 : rows + more;
  const std::int64_t last = (rows - 1) * row_stride + (columns - 1) * column_stride;
  return {"test",
          dtype,
          2,
          {rows, columns, 0, 0},
          {row_stride, column_stride, 0, 0},
          data.data(),
          (static_cast<std::uint64_t>(last) + 1) * sizeof(T)};
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
  read_values(all.data(), IB_DTYPE_F16, 1, 65536, out.data());
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
  read_values(all.data(), IB_DTYPE_BF16, 1, 65536, out.data());
  for (std::size_t i = 0; i < all.size(); ++i) {
    ASSERT_EQ(std::bit_cast<std::uint32_t>(out[i]), static_cast<std::uint32_t>(i) << 16);
  }
}

// The value of element [row, column] of the test matrices: whole, so that every dtype holds it.
float cell(std::int64_t row, std::int64_t column) {
  return static_cast<float>(row * 37 % 128 + column * 11 % 64);
}

// A matrix of such values in either order, with lines `more` elements longer than they need to be.
std::vector<float> cells(std::int64_t rows, std::int64_t columns, Order order, std::int64_t more) {
  const std::int64_t lines = order == Order::kRows ? rows : columns;
  const std::int64_t length = (order == Order::kRows ? columns : rows) + more;
  std::vector<float> data(static_cast<std::size_t>(lines * length), 999.0F);
  for (std::int64_t row = 0; row < rows; ++row) {
    for (std::int64_t column = 0; column < columns; ++column) {
      data.data()[order == Order::kRows ? row * length + column : column * length + row] = cell(row, column);
    }
  }
  return data;
}

TEST(Pack, EitherOrderWithPadding) {
  for (const std::int64_t inputs : {1, 5, 64, 65, 130}) {
    for (const std::int64_t outputs : {1, 31, 32, 33, 97}) {
      PackedMatrix matrix{nullptr, inputs, outputs};
      for (const Order order : {Order::kRows, Order::kColumns}) {
        for (const std::int64_t more : {0, 3}) {
          const auto values = cells(outputs, inputs, order, more);
          std::vector<float> data(static_cast<std::size_t>(matrix.n_floats()));
          matrix.data = data.data();
          for (std::int64_t p = 0; p < matrix.n_panels(); ++p) {
            pack_panel(tensor_of(values, IB_DTYPE_F32, outputs, inputs, order, more), matrix, 0, p);
          }
          for (std::int64_t i = 0; i < matrix.n_floats(); ++i) {
            const std::int64_t n = i / (inputs * kPanel) * kPanel + i % kPanel;
            ASSERT_EQ(data.data()[i], n < outputs ? cell(n, i / kPanel % inputs) : 0.0F) << inputs << "x" << outputs;
          }
        }
      }
    }
  }
}

std::vector<std::uint16_t> as_bf16(const std::vector<float>& values) {
  std::vector<std::uint16_t> bits;
  for (const float value : values)
    bits.push_back(static_cast<std::uint16_t>(std::bit_cast<std::uint32_t>(value) >> 16));
  return bits;
}

// Queries, keys and values in one matrix: their borders are anywhere in a panel.
TEST(Pack, SeveralTensorsBesideEachOther) {
  constexpr std::int64_t kInputs = 70;
  for (const std::int64_t query : {32, 33, 40, 100}) {
    for (const std::int64_t kv : {1, 8, 24, 32, 65}) {
      PackedMatrix matrix{nullptr, kInputs, query + 2 * kv};
      std::vector<float> data(static_cast<std::size_t>(matrix.n_floats()));
      matrix.data = data.data();
      ThreadPool pool(2);
      const auto q = cells(query, kInputs, Order::kRows, 0);
      const auto k = as_bf16(cells(kv, kInputs, Order::kColumns, 2));
      const auto v = cells(kv, kInputs, Order::kColumns, 0);
      std::vector<ib_tensor> tensors = {tensor_of(q, IB_DTYPE_F32, query, kInputs),
                                        tensor_of(k, IB_DTYPE_BF16, kv, kInputs, Order::kColumns, 2),
                                        tensor_of(v, IB_DTYPE_F32, kv, kInputs, Order::kColumns)};
      tensors[0].name = "q";
      tensors[1].name = "k";
      tensors[2].name = "v";
      Loader load(tensors.data(), tensors.size(), pool, HostCalls());
      load.pack("q", matrix, 0, query);
      load.pack("k", matrix, query, kv);
      load.pack("v", matrix, query + kv, kv);
      for (std::int64_t i = 0; i < matrix.n_floats(); ++i) {
        const std::int64_t n = i / (kInputs * kPanel) * kPanel + i % kPanel;
        const std::int64_t row = n < query ? n : n < query + kv ? n - query : n - query - kv;
        ASSERT_EQ(data.data()[i], n < matrix.outputs ? cell(row, i / kPanel % kInputs) : 0.0F)
            << query << " queries, " << kv << " keys, output " << n;
      }
    }
  }
}

TEST(Load, TablesInEitherOrder) {
  ThreadPool pool(3);
  for (const Order order : {Order::kRows, Order::kColumns}) {
    for (const auto& [rows, columns] :
         {std::pair<std::int64_t, std::int64_t>{1, 1}, {3, 65}, {5000, 70}, {70, 70000}}) {
      const auto values = cells(rows, columns, order, 1);
      const ib_tensor tensor = tensor_of(values, IB_DTYPE_F32, rows, columns, order, 1);
      Loader load(&tensor, 1, pool, HostCalls());
      std::vector<float> table(static_cast<std::size_t>(rows * columns));
      load.table("test", rows, columns, table.data());
      for (std::int64_t i = 0; i < rows * columns; ++i) {
        ASSERT_EQ(table.data()[i], cell(i / columns, i % columns)) << rows << "x" << columns << ", value " << i;
      }
    }
  }
}

TEST(Load, StridedVectors) {
  ThreadPool pool(1);
  const auto values = random_numbers(100, 6);
  const ib_tensor tensor = {"test", IB_DTYPE_F32, 1, {25, 0, 0, 0}, {4, 0, 0, 0}, values.data(), 97 * sizeof(float)};
  Loader load(&tensor, 1, pool, HostCalls());
  std::vector<float> vector(25);
  load.vector("test", 25, vector.data());
  for (std::size_t i = 0; i < vector.size(); ++i) EXPECT_EQ(vector[i], values[4 * i]);
}

// As in a context of 128 K: each cosine to the last bit but one, at every position.
TEST(RotaryTables, AreExactFarOut) {
  constexpr std::int32_t kTokens = 131072;
  ib_model_desc desc{};
  desc.head_dim = 6;
  const std::vector<double> frequencies = {1.0, 0.01, 1e-5, 0.5, 0.1, 3e-4};
  const std::vector<double> scales = {1.0, 1.25};
  desc.n_rotary_tables = 2;
  desc.rotary_frequencies = frequencies.data();
  desc.rotary_scales = scales.data();
  ThreadPool pool(2);
  const RotaryFrequencies copied(desc);
  RotaryTables tables(copied, kTokens);
  tables.reach(1, pool);
  tables.reach(1000, pool);
  tables.reach(10, pool);
  tables.reach(kTokens, pool);
  for (std::int64_t position = 0; position < kTokens; position += position < 1100 ? 1 : 997) {
    for (std::int32_t table = 0; table < 2; ++table) {
      for (std::int64_t j = 0; j < 3; ++j) {
        const double angle = static_cast<double>(position) * frequencies.data()[table * 3 + j];
        const double scale = scales.data()[table];
        ASSERT_NEAR(tables.cosines(table, position)[j], scale * std::cos(angle), 8e-8) << position << ", " << j;
        ASSERT_NEAR(tables.sines(table, position)[j], scale * std::sin(angle), 8e-8) << position << ", " << j;
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
    const ib_tensor tensor = tensor_of(weights, IB_DTYPE_F32, shape.outputs, shape.inputs, Order::kColumns);
    for (std::int64_t p = 0; p < packed.n_panels(); ++p) pack_panel(tensor, packed, 0, p);
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
