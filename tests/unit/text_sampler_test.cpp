// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>

#include <cmath>
#include <limits>
#include <numeric>
#include <vector>

#include "support/error.hpp"
#include "text/sampler.hpp"
#include "text/utf8_stream.hpp"

namespace inferbench {
namespace {

constexpr float kInfinity = std::numeric_limits<float>::infinity();
using Logits = std::vector<float>;

/// Draws many times and holds each token's share against `expected`, within 5 standard deviations of a binomial.
void expect_distribution(const SamplingOptions& options, const Logits& logits, std::vector<double> expected) {
  constexpr int kDraws = 200000;
  const double sum = std::accumulate(expected.begin(), expected.end(), 0.0);
  std::vector<int> counts(logits.size());
  Sampler sampler(options);
  for (int i = 0; i < kDraws; ++i) ++counts.at(static_cast<std::size_t>(sampler.sample(logits)));
  for (std::size_t i = 0; i < counts.size(); ++i) {
    const double p = expected.at(i) / sum;
    EXPECT_NEAR(counts[i] / double{kDraws}, p, 5 * std::sqrt(p * (1 - p) / kDraws)) << "token " << i;
  }
}

Logits logs(const std::vector<double>& p) {
  Logits logits;
  for (const double value : p) logits.push_back(static_cast<float>(std::log(value)));
  return logits;
}

// The first numbers of the published generator from seed 0.
TEST(SplitMix64, IsThePublishedOne) {
  SplitMix64 random(0);
  EXPECT_EQ(random.next(), 0xE220A8397B1DCDAFU);
  EXPECT_EQ(random.next(), 0x6E789E6AA1B965F4U);
  EXPECT_EQ(random.next(), 0x06C45D188009454FU);
}

TEST(SplitMix64, UniformMeanAndVariance) {
  SplitMix64 random(42);
  double sum = 0;
  double squares = 0;
  constexpr int kDraws = 100000;
  for (int i = 0; i < kDraws; ++i) {
    const double u = random.next_uniform();
    ASSERT_GE(u, 0);
    ASSERT_LT(u, 1);
    sum += u;
    squares += u * u;
  }
  EXPECT_NEAR(sum / kDraws, 0.5, 5 * std::sqrt(1.0 / 12 / kDraws));
  EXPECT_NEAR(squares / kDraws, 1.0 / 3, 5 * std::sqrt(4.0 / 45 / kDraws));
}

TEST(Sampler, GreedyTakesTheLargestAndTheLowestOfEquals) {
  Sampler sampler({});
  EXPECT_EQ(sampler.sample(Logits{1, 5, 3}), 1);
  EXPECT_EQ(sampler.sample(Logits{-2, 7, 7, 7}), 1);
  EXPECT_EQ(sampler.sample(Logits{-kInfinity, -3}), 1);
}

TEST(Sampler, TemperatureOneIsTheSoftmax) {
  expect_distribution({1, 0, 1, 1}, logs({0.5, 0.25, 0.125, 0.125}), {0.5, 0.25, 0.125, 0.125});
}

TEST(Sampler, TemperatureRaisesProbabilitiesToItsInverse) {
  expect_distribution({2, 0, 1, 2}, logs({0.64, 0.32, 0.04}), {0.8, std::sqrt(0.32), 0.2});
  expect_distribution({0.5, 0, 1, 3}, logs({0.5, 0.3, 0.2}), {0.25, 0.09, 0.04});
}

TEST(Sampler, TopKKeepsTheLikeliest) {
  expect_distribution({1, 2, 1, 4}, logs({0.1, 0.5, 0.1, 0.3}), {0, 0.5, 0, 0.3});
  expect_distribution({1, 1, 1, 5}, logs({0.1, 0.5, 0.4}), {0, 1, 0});
  expect_distribution({1, 9, 1, 6}, logs({0.2, 0.8}), {0.2, 0.8});
  expect_distribution({1, 2, 1, 7}, logs({0.25, 0.25, 0.25, 0.25}), {1, 1, 0, 0});  // the lower ids of equals
}

TEST(Sampler, TopPKeepsTheFewestThatReachIt) {
  expect_distribution({1, 0, 0.45, 8}, logs({0.2, 0.5, 0.3}), {0, 1, 0});
  expect_distribution({1, 0, 0.79, 9}, logs({0.2, 0.5, 0.3}), {0, 0.5, 0.3});
  expect_distribution({1, 0, 0.81, 10}, logs({0.2, 0.5, 0.3}), {0.2, 0.5, 0.3});
  expect_distribution({1, 0, 1e-9, 11}, logs({0.2, 0.5, 0.3}), {0, 1, 0});
}

TEST(Sampler, TopPIsTakenAmongTheTopKAtTheTemperature) {
  // Of 0.4, 0.3 and 0.2 the first has 44%, the first two have 78%.
  expect_distribution({1, 3, 0.77, 12}, logs({0.4, 0.3, 0.2, 0.1}), {0.4, 0.3, 0, 0});
  expect_distribution({1, 3, 0.79, 13}, logs({0.4, 0.3, 0.2, 0.1}), {0.4, 0.3, 0.2, 0});
  // At temperature 0.5, 0.64 : 0.16 : 0.04 become 0.8 : 0.05 : 0.003, so that the first has 94%.
  expect_distribution({0.5, 0, 0.9, 14}, logs({0.64, 0.16, 0.04}), {1, 0, 0});
}

TEST(Sampler, SeedDecidesAndRepeats) {
  const Logits logits(1000, 0.0F);
  const auto draws = [&](std::uint64_t seed) {
    Sampler sampler({1, 0, 0.9, seed});
    std::vector<std::int32_t> ids;
    for (int i = 0; i < 20; ++i) ids.push_back(sampler.sample(logits));
    return ids;
  };
  EXPECT_EQ(draws(1), draws(1));
  EXPECT_NE(draws(1), draws(2));
  // All equal: token floor(1000 u), for the uniform numbers of the published generator.
  Sampler plain({1, 0, 1, 0});
  EXPECT_EQ(plain.sample(logits), 883);  // 0xE220A8397B1DCDAF / 2^64 = 0.8833...
  EXPECT_EQ(plain.sample(logits), 431);  // 0x6E789E6AA1B965F4 / 2^64 = 0.4315...
}

TEST(Sampler, NeverDrawsTheImpossible) {
  Sampler sampler({1, 0, 1, 3});
  for (int i = 0; i < 1000; ++i) EXPECT_EQ(sampler.sample(Logits{-kInfinity, 0, -kInfinity}), 1);
}

TEST(Sampler, BadLogitsAreErrors) {
  const float nan = std::numeric_limits<float>::quiet_NaN();
  for (const double temperature : {0.0, 1.0}) {
    Sampler sampler({temperature, 0, 1, 0});
    EXPECT_THROW(sampler.sample(Logits{}), Error);
    EXPECT_THROW(sampler.sample(Logits{nan, 1}), Error);
    EXPECT_THROW(sampler.sample(Logits{1, nan}), Error);
    EXPECT_THROW(sampler.sample(Logits{1, kInfinity}), Error);
    EXPECT_THROW(sampler.sample(Logits{-kInfinity, -kInfinity}), Error);
  }
}

TEST(Sampler, BadOptionsAreErrors) {
  EXPECT_THROW(Sampler({-0.1, 0, 1, 0}), Error);
  EXPECT_THROW(Sampler({std::nan(""), 0, 1, 0}), Error);
  EXPECT_THROW(Sampler({HUGE_VAL, 0, 1, 0}), Error);
  EXPECT_THROW(Sampler({1, -1, 1, 0}), Error);
  EXPECT_THROW(Sampler({1, 0, 0, 0}), Error);
  EXPECT_THROW(Sampler({1, 0, 1.01, 0}), Error);
  EXPECT_THROW(Sampler({1, 0, std::nan(""), 0}), Error);
}

TEST(Utf8Stream, HoldsBegunCharacters) {
  Utf8Stream stream;
  EXPECT_EQ(stream.push("a\xf0"), "a");
  EXPECT_EQ(stream.push("\x9f\x99"), "");
  EXPECT_EQ(stream.push("\x82z\xe4\xb8"), "\xf0\x9f\x99\x82z");
  EXPECT_EQ(stream.flush(), "\xe4\xb8");
  EXPECT_EQ(stream.flush(), "");
  EXPECT_EQ(stream.push(""), "");
}

TEST(Utf8Stream, LetsTheHopelessThrough) {
  Utf8Stream stream;
  EXPECT_EQ(stream.push("\xff"), "\xff");
  EXPECT_EQ(stream.push("\x80\x80\x80\x80"), "\x80\x80\x80\x80");
  EXPECT_EQ(stream.push("\xc1"), "\xc1");
  EXPECT_EQ(stream.push("\xc3"), "");
  EXPECT_EQ(stream.push("("), "\xc3(");
  EXPECT_EQ(stream.push("\xc3\xa9"), "\xc3\xa9");
  EXPECT_EQ(stream.push("\xe4\xb8\xad"), "\xe4\xb8\xad");
}

}  // namespace
}  // namespace inferbench
