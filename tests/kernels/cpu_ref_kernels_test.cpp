// SPDX-License-Identifier: Apache-2.0
// cpu_ref's products, softmax, activations and argmax, each instruction set that runs here, against float64 and against
// each other.
#include <gtest/gtest.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>
#include <limits>
#include <vector>

#include "kernels/cpu_ref_testing.hpp"

namespace inferbench::cpu_ref {
namespace {

constexpr float kInfinity = std::numeric_limits<float>::infinity();
constexpr float kNan = std::numeric_limits<float>::quiet_NaN();

TEST_P(KernelsOf, LinearTileSumsProducts) {
  for (const std::int64_t depth : {0, 1, 2, 3, 17, 256}) {
    for (std::int64_t rows = 1; rows <= kernels_->tile_rows; ++rows) {
      const std::int64_t ldx = depth + 5;
      const std::int64_t ldy = kPanel + 3;
      const auto x = random_values(static_cast<std::size_t>(rows * ldx), 1, 1);
      const auto panel = random_values(static_cast<std::size_t>(std::max<std::int64_t>(depth, 1) * kPanel), 1, 2);
      const auto before = random_values(static_cast<std::size_t>(rows * ldy), 1, 3);
      auto y = before;
      kernels_->linear_tile(rows, x.data(), ldx, panel.data(), depth, y.data(), ldy);
      for (std::int64_t i = 0; i < rows * ldy; ++i) {
        const std::int64_t column = i % ldy;
        double expected = before.data()[i];
        double magnitude = std::abs(expected);
        for (std::int64_t k = 0; column < kPanel && k < depth; ++k) {
          const double product = static_cast<double>(x.data()[i / ldy * ldx + k]) * panel.data()[k * kPanel + column];
          expected += product;
          magnitude += std::abs(product);
        }
        // Far below the worst case, depth / 2 ulps of the magnitude; far above what rounding does.
        ASSERT_NEAR(y.data()[i], expected, 2.5e-7 * magnitude) << rows << " rows, value " << i;
      }
    }
  }
}

TEST_P(KernelsOf, LinearTileRowsDoNotDependOnTheirNumber) {
  constexpr std::int64_t kDepth = 100;
  const auto x = random_values(static_cast<std::size_t>(kernels_->tile_rows * kDepth), 1, 4);
  const auto panel = random_values(kDepth * kPanel, 1, 5);
  std::vector<float> alone(static_cast<std::size_t>(kernels_->tile_rows * kPanel));
  for (std::int64_t r = 0; r < kernels_->tile_rows; ++r) {
    kernels_->linear_tile(1, x.data() + r * kDepth, kDepth, panel.data(), kDepth, alone.data() + r * kPanel, kPanel);
  }
  for (std::int64_t rows = 1; rows <= kernels_->tile_rows; ++rows) {
    std::vector<float> together(static_cast<std::size_t>(rows * kPanel));
    kernels_->linear_tile(rows, x.data(), kDepth, panel.data(), kDepth, together.data(), kPanel);
    EXPECT_EQ(std::memcmp(together.data(), alone.data(), together.size() * sizeof(float)), 0) << rows << " rows";
  }
}

TEST_P(KernelsOf, SoftmaxIsSoftmax) {
  for (const std::int64_t n : {1, 2, 15, 16, 17, 31, 33, 100, 1024}) {
    for (const float spread : {0.0F, 1.0F, 30.0F, 300.0F}) {
      constexpr float kScale = 0.125F;
      const std::int64_t padded = (n + 15) / 16 * 16 + 32;
      auto scores = random_values(static_cast<std::size_t>(n), spread, 6);
      scores.resize(static_cast<std::size_t>(padded + 1), 777.0F);
      double top = -1e300;
      for (std::int64_t i = 0; i < n; ++i) top = std::max(top, static_cast<double>(scores.data()[i]) * kScale);
      std::vector<double> expected;
      double sum = 0;
      for (std::int64_t i = 0; i < n; ++i) expected.push_back(std::exp(scores.data()[i] * kScale - top));
      for (const double value : expected) sum += value;
      kernels_->softmax(scores.data(), n, padded, kScale);
      for (std::int64_t i = 0; i < n; ++i) {
        const double share = expected.data()[i] / sum;
        ASSERT_NEAR(scores.data()[i], share, 4e-6 * share + 1e-36) << n << " scores, number " << i;
      }
      for (std::int64_t i = n; i < padded; ++i) ASSERT_EQ(scores.data()[i], 0.0F);
      EXPECT_EQ(scores.back(), 777.0F) << "wrote beyond the padding";
    }
  }
}

TEST_P(KernelsOf, SoftmaxKeepsNan) {
  std::vector<float> scores = {1, kNan, 2, 3, 4, 5, 6, 7, 8, 9, 1, 2, 3, 4, 5, 6};
  kernels_->softmax(scores.data(), 16, 16, 1);
  EXPECT_TRUE(std::isnan(scores[1]));
}

double exact_gelu_tanh(double x) {
  return 0.5 * x * (1 + std::tanh(std::sqrt(2 / M_PI) * (x + 0.044715 * x * x * x)));
}

double exact_gelu_erf(double x) {
  return 0.5 * x * std::erfc(-x / std::sqrt(2.0));
}

double exact_silu(double x) {
  return x / (1 + std::exp(-x));
}

// Relative to |x|, which is what the next product's rounding is measured by.
void expect_activation(void (*kernel)(float*, std::int64_t), double (*exact)(double), double bound) {
  std::vector<float> x;
  for (float value = -30; value <= 30; value += 0.00173F) x.push_back(value);
  for (const float value : {0.0F, -0.0F, 1e-30F, -1e-30F, 1e6F, -1e6F, 3e38F, -3e38F}) x.push_back(value);
  auto y = x;
  kernel(y.data(), static_cast<std::int64_t>(y.size()));
  for (std::size_t i = 0; i < x.size(); ++i) {
    const double expected = exact(x[i]);
    ASSERT_NEAR(y[i], expected, bound * std::abs(static_cast<double>(x[i])) + 1e-36) << "x = " << x[i];
  }
}

TEST_P(KernelsOf, GeluTanh) {
  expect_activation(kernels_->gelu_tanh, exact_gelu_tanh, 2e-7);
}

TEST_P(KernelsOf, GeluErf) {
  expect_activation(kernels_->gelu_erf, exact_gelu_erf, 2e-7);
}

TEST_P(KernelsOf, Silu) {
  expect_activation(kernels_->silu, exact_silu, 2e-7);
}

TEST_P(KernelsOf, Relu) {
  expect_activation(
      kernels_->relu, [](double x) { return std::max(x, 0.0); }, 0);
}

TEST_P(KernelsOf, ActivationsDoNotDependOnThePosition) {
  for (const auto kernel : {kernels_->gelu_tanh, kernels_->gelu_erf, kernels_->relu, kernels_->silu}) {
    const auto x = random_values(67, 4, 12);
    auto together = x;
    kernel(together.data(), 67);
    for (std::size_t i = 0; i < x.size(); ++i) {
      float alone = x[i];
      kernel(&alone, 1);
      EXPECT_EQ(std::bit_cast<std::uint32_t>(alone), std::bit_cast<std::uint32_t>(together[i])) << i;
    }
  }
}

TEST_P(KernelsOf, ActivationsKeepNan) {
  for (const auto kernel : {kernels_->gelu_tanh, kernels_->gelu_erf, kernels_->relu, kernels_->silu}) {
    std::vector<float> x = {kNan, 1.0F};
    kernel(x.data(), 2);
    EXPECT_TRUE(std::isnan(x[0]));
    EXPECT_FALSE(std::isnan(x[1]));
  }
}

TEST_P(KernelsOf, ArgmaxTakesTheFirstOfTheGreatest) {
  for (const std::size_t n : {1U, 2U, 255U, 256U, 257U, 1000U, 50257U}) {
    auto x = random_values(n, 1, 13);
    for (const std::size_t at : {std::size_t{0}, n / 3, n / 2, n - 1}) {
      auto y = x;
      y[at] = 5;
      y[n - 1] = 5;
      EXPECT_EQ(kernels_->argmax(y.data(), static_cast<std::int64_t>(n)), static_cast<std::int64_t>(at)) << n;
    }
  }
  const std::vector<float> equal(1000, -3.5F);
  EXPECT_EQ(kernels_->argmax(equal.data(), 1000), 0);
}

TEST_P(KernelsOf, ArgmaxPassesOverNan) {
  std::vector<float> x(600, -1.0F);
  x[0] = kNan;
  x[300] = kNan;
  x[301] = 2;
  EXPECT_EQ(kernels_->argmax(x.data(), 600), 301);
  x.assign(600, -kInfinity);
  x[0] = kNan;
  EXPECT_EQ(kernels_->argmax(x.data(), 600), 1);
  x.assign(600, kNan);
  EXPECT_EQ(kernels_->argmax(x.data(), 600), 0);
}

INSTANTIATE_TEST_SUITE_P(Isa, KernelsOf, testing::Values("generic", "avx2", "avx512"),
                         [](const auto& instance) { return instance.param; });

// Both fuse multiplication and addition, and sum in the same order.
TEST(Kernels, Avx2AndAvx512GiveTheSameBits) {
  const Kernels* narrow = find_kernels("avx2");
  const Kernels* wide = find_kernels("avx512");
  SKIP_WITHOUT_ISA(narrow != nullptr, "avx2");
  SKIP_WITHOUT_ISA(wide != nullptr, "avx512");
  const auto x = random_values(6 * 300, 1, 14);
  const auto panel = random_values(300 * kPanel, 1, 15);
  std::vector<float> y[2] = {std::vector<float>(6 * kPanel), std::vector<float>(6 * kPanel)};
  std::vector<float> scores[2] = {x, x};
  std::vector<float> normed[2] = {x, x};
  std::vector<float> activated[2] = {x, x};
  std::vector<float> capped[2] = {x, x};
  int i = 0;
  for (const Kernels* kernels : {narrow, wide}) {
    kernels->linear_tile(6, x.data(), 300, panel.data(), 300, y[i].data(), kPanel);
    kernels->softmax(scores[i].data(), 777, 800, 3.0F);
    kernels->layer_norm(x.data(), panel.data(), panel.data() + 777, 777, 1e-5F, normed[i].data());
    kernels->rms_norm(x.data() + 777, panel.data(), 777, 1e-5F, normed[i].data() + 777);
    kernels->gelu_tanh(activated[i].data(), 555);
    kernels->gelu_erf(activated[i].data() + 555, 555);
    kernels->silu(activated[i].data() + 1110, 555);
    kernels->soft_cap(capped[i].data(), 777, 3.0F, 2.0F);
    ++i;
  }
  EXPECT_TRUE(same_bits(y[0], y[1]));
  EXPECT_TRUE(same_bits(scores[0], scores[1]));
  EXPECT_TRUE(same_bits(normed[0], normed[1]));
  EXPECT_TRUE(same_bits(activated[0], activated[1]));
  EXPECT_TRUE(same_bits(capped[0], capped[1]));
}

TEST(Isa, AutoIsTheWidestAndOthersAreRefused) {
  const Kernels* widest = find_kernels("auto");
  ASSERT_NE(widest, nullptr);
  const char* expected = find_kernels("avx512") != nullptr ? "avx512"
                         : find_kernels("avx2") != nullptr ? "avx2"
                                                           : "generic";
  EXPECT_STREQ(widest->name, expected);
  EXPECT_EQ(find_kernels("neon"), nullptr);
  EXPECT_EQ(find_kernels(""), nullptr);
}

}  // namespace
}  // namespace inferbench::cpu_ref
