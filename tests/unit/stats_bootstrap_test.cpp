// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>

#include <cmath>
#include <numeric>
#include <random>
#include <vector>

#include "stats/bootstrap.hpp"

namespace inferbench {
namespace {

IndexStatistic mean_of(const std::vector<double>& values) {
  return [&values](std::span<const std::size_t> items) {
    double sum = 0;
    for (const std::size_t i : items) sum += values.at(i);
    return sum / static_cast<double>(items.size());
  };
}

TEST(Bootstrap, ASingleItemHasNoInterval) {
  const std::vector<double> one{3};
  EXPECT_FALSE(bootstrap_interval(0, mean_of(one)));
  EXPECT_FALSE(bootstrap_interval(1, mean_of(one)));
}

TEST(Bootstrap, EqualItemsHaveAnIntervalOfNoWidth) {
  const std::vector<double> equal(20, 2.5);
  const auto interval = bootstrap_interval(equal.size(), mean_of(equal));
  ASSERT_TRUE(interval);
  EXPECT_DOUBLE_EQ(interval->low, 2.5);
  EXPECT_DOUBLE_EQ(interval->high, 2.5);
}

TEST(Bootstrap, RepeatsItself) {
  const std::vector<double> values{1.13, 4.71, 2.02, 8.4, 5.9, 7.77, 3.14, 2.72, 1.61, 9.5};
  const auto first = bootstrap_interval(values.size(), mean_of(values));
  const auto second = bootstrap_interval(values.size(), mean_of(values));
  EXPECT_EQ(first->low, second->low);
  EXPECT_EQ(first->high, second->high);
  EXPECT_NE(first->low, bootstrap_interval(values.size(), mean_of(values), 2000, 2)->low);
}

// For the mean of many values, it approaches mean +- 1.96 sd / sqrt(n).
TEST(Bootstrap, OfAMeanNearsTheNormalInterval) {
  std::mt19937 random(7);
  std::vector<double> values(400);
  for (double& value : values) value = static_cast<double>(random()) / 4294967296.0;
  const double mean = std::accumulate(values.begin(), values.end(), 0.0) / 400;
  double squares = 0;
  for (const double value : values) squares += (value - mean) * (value - mean);
  const double half = 1.96 * std::sqrt(squares / 399 / 400);
  const auto interval = bootstrap_interval(values.size(), mean_of(values));
  ASSERT_TRUE(interval);
  EXPECT_NEAR(interval->low, mean - half, 0.1 * half);
  EXPECT_NEAR(interval->high, mean + half, 0.1 * half);
}

TEST(Bootstrap, AStatisticThatIsNotFiniteHasNoInterval) {
  EXPECT_FALSE(bootstrap_interval(5, [](std::span<const std::size_t>) { return std::nan(""); }));
}

}  // namespace
}  // namespace inferbench
