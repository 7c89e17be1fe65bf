// SPDX-License-Identifier: Apache-2.0
// cpu_ref's norms, rotation and soft cap, each instruction set that runs here, against float64.
#include <gtest/gtest.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>
#include <vector>

#include "kernels/cpu_ref_testing.hpp"

namespace inferbench::cpu_ref {
namespace {

constexpr float kGuard = 777.0F;  // behind a result, where nothing may be written

class RowKernelsOf : public KernelsOf {};

TEST_P(RowKernelsOf, LayerNorm) {
  for (const std::int64_t width : {1, 2, 15, 16, 17, 63, 64, 100, 768, 1600}) {
    for (const float offset : {0.0F, 100.0F}) {
      const auto n = static_cast<std::size_t>(width);
      auto x = random_values(n, 3, 7);
      for (float& value : x) value += offset;
      const auto weight = random_values(n, 2, 8);
      const auto bias = random_values(n, 2, 9);
      double mean = 0;
      for (const float value : x) mean += value / static_cast<double>(n);
      double variance = 0;
      for (const float value : x) variance += (value - mean) * (value - mean) / static_cast<double>(n);
      std::vector<float> y(n + 1, 777.0F);
      kernels_->layer_norm(x.data(), weight.data(), bias.data(), width, 1e-5F, y.data());
      for (std::size_t i = 0; i < n; ++i) {
        const double expected = (x[i] - mean) / std::sqrt(variance + 1e-5) * weight[i] + bias[i];
        // An ulp of the offset is lost in x - mean.
        ASSERT_NEAR(y[i], expected, 3e-6 + 3e-7 * offset) << "width " << width << ", value " << i;
      }
      EXPECT_EQ(y[n], 777.0F);
      std::vector<float> in_place = x;
      kernels_->layer_norm(in_place.data(), weight.data(), bias.data(), width, 1e-5F, in_place.data());
      y.resize(n);
      EXPECT_TRUE(same_bits(y, in_place));
    }
  }
}

TEST_P(RowKernelsOf, LayerNormOfAConstantRowIsTheBias) {
  const std::vector<float> x(40, 123.25F);
  const auto weight = random_values(40, 2, 10);
  const auto bias = random_values(40, 2, 11);
  std::vector<float> y(40);
  kernels_->layer_norm(x.data(), weight.data(), bias.data(), 40, 1e-5F, y.data());
  for (std::size_t i = 0; i < 40; ++i) EXPECT_NEAR(y[i], bias[i], 1e-3) << i;
}

TEST_P(RowKernelsOf, RmsNorm) {
  for (std::int64_t size = 1; size <= 70; ++size) {
    for (const float scale : {3.0F, 1e-3F, 1e4F}) {
      const auto n = static_cast<std::size_t>(size);
      const auto x = random_values(n, scale, 20);
      const auto weight = random_values(n, 2, 21);
      double square = 0;
      for (const float value : x) square += static_cast<double>(value) * value / static_cast<double>(n);
      std::vector<float> y(n + 1, kGuard);
      kernels_->rms_norm(x.data(), weight.data(), size, 1e-6F, y.data());
      for (std::size_t i = 0; i < n; ++i) {
        const double expected = x[i] / std::sqrt(square + 1e-6) * weight[i];
        ASSERT_NEAR(y[i], expected, 5e-7 * std::abs(expected)) << "size " << size << ", value " << i;
      }
      EXPECT_EQ(y[n], kGuard) << "size " << size;
      std::vector<float> in_place = x;
      kernels_->rms_norm(in_place.data(), weight.data(), size, 1e-6F, in_place.data());
      y.resize(n);
      EXPECT_TRUE(same_bits(y, in_place));
    }
  }
}

TEST_P(RowKernelsOf, RmsNormOfALongRow) {
  const auto x = random_values(16384, 1, 22);
  const std::vector<float> weight(x.size(), 1.0F);
  double square = 0;
  for (const float value : x) square += static_cast<double>(value) * value / static_cast<double>(x.size());
  std::vector<float> y(x.size());
  kernels_->rms_norm(x.data(), weight.data(), 16384, 1e-5F, y.data());
  for (std::size_t i = 0; i < x.size(); ++i) ASSERT_NEAR(y[i], x[i] / std::sqrt(square + 1e-5), 2e-6) << i;
}

TEST_P(RowKernelsOf, RmsNormOfZerosIsZero) {
  std::vector<float> x(19, 0.0F);
  const auto weight = random_values(19, 2, 23);
  kernels_->rms_norm(x.data(), weight.data(), 19, 1e-6F, x.data());
  for (const float value : x) EXPECT_EQ(value, 0.0F);
}

TEST_P(RowKernelsOf, RotateByHalves) {
  for (std::int64_t half = 1; half <= 67; ++half) {
    const auto n = static_cast<std::size_t>(half);
    const auto head = random_values(2 * n, 3, 24);
    const auto angles = random_values(n, 3, 25);
    std::vector<float> cosines;
    std::vector<float> sines;
    for (const float angle : angles) {
      cosines.push_back(1.25F * std::cos(angle));
      sines.push_back(1.25F * std::sin(angle));
    }
    auto rotated = head;
    rotated.push_back(kGuard);
    kernels_->rotate(rotated.data(), cosines.data(), sines.data(), half);
    for (std::size_t j = 0; j < n; ++j) {
      const double low = head[j];
      const double high = head[n + j];
      ASSERT_NEAR(rotated[j], low * cosines[j] - high * sines[j], 1e-6) << "half " << half << ", pair " << j;
      ASSERT_NEAR(rotated[n + j], high * cosines[j] + low * sines[j], 1e-6) << "half " << half << ", pair " << j;
    }
    EXPECT_EQ(rotated.back(), kGuard) << "half " << half;
    auto plain = head;
    plain.push_back(kGuard);
    generic::kKernels.rotate(plain.data(), cosines.data(), sines.data(), half);
    EXPECT_TRUE(same_bits(rotated, plain)) << "half " << half;
  }
}

TEST_P(RowKernelsOf, SoftCap) {
  constexpr float kScale = 0.7F;
  for (const float cap : {1.0F, 30.0F, 50.0F}) {
    std::vector<float> x;
    for (float value = -12 * cap; value <= 12 * cap; value += 0.00731F * cap) x.push_back(value);
    for (const float value : {0.0F, 1e-6F, -1e-6F, 1e-30F, 1e30F, -1e30F}) x.push_back(value);
    auto y = x;
    kernels_->soft_cap(y.data(), static_cast<std::int64_t>(y.size()), kScale, cap);
    for (std::size_t i = 0; i < x.size(); ++i) {
      const double expected = cap * std::tanh(static_cast<double>(kScale) * x[i] / cap);
      ASSERT_NEAR(y[i], expected, 6e-7 * std::abs(expected)) << "x = " << x[i] << ", cap " << cap;
    }
  }
}

TEST_P(RowKernelsOf, SoftCapDoesNotDependOnThePosition) {
  for (std::int64_t n = 1; n <= 50; ++n) {
    const auto x = random_values(static_cast<std::size_t>(n), 100, 26);
    auto together = x;
    together.push_back(kGuard);
    kernels_->soft_cap(together.data(), n, 0.5F, 20.0F);
    for (std::size_t i = 0; i < x.size(); ++i) {
      float alone = x[i];
      kernels_->soft_cap(&alone, 1, 0.5F, 20.0F);
      ASSERT_EQ(std::bit_cast<std::uint32_t>(alone), std::bit_cast<std::uint32_t>(together[i])) << n << ", " << i;
    }
    EXPECT_EQ(together.back(), kGuard) << n;
  }
}

TEST_P(RowKernelsOf, SoftCapKeepsNan) {
  std::vector<float> x = {std::numeric_limits<float>::quiet_NaN(), 1.0F};
  kernels_->soft_cap(x.data(), 2, 1.0F, 30.0F);
  EXPECT_TRUE(std::isnan(x[0]));
  EXPECT_FALSE(std::isnan(x[1]));
}

TEST_P(RowKernelsOf, MultiplyBy) {
  for (std::int64_t n = 0; n <= 50; ++n) {
    const auto x = random_values(static_cast<std::size_t>(n), 3, 27);
    const auto factors = random_values(static_cast<std::size_t>(n), 3, 28);
    auto product = x;
    product.push_back(kGuard);
    kernels_->multiply_by(product.data(), factors.data(), n);
    for (std::size_t i = 0; i < x.size(); ++i) ASSERT_EQ(product[i], x[i] * factors[i]) << n << ", " << i;
    EXPECT_EQ(product.back(), kGuard) << n;
  }
}

INSTANTIATE_TEST_SUITE_P(Isa, RowKernelsOf, testing::Values("generic", "avx2", "avx512"),
                         [](const auto& instance) { return instance.param; });

}  // namespace
}  // namespace inferbench::cpu_ref
