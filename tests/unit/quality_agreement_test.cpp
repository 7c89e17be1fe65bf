// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>

#include <cmath>
#include <limits>
#include <nlohmann/json.hpp>
#include <random>
#include <vector>

#include "quality/agreement.hpp"
#include "quality/window_agreement.hpp"
#include "support/error.hpp"

namespace inferbench {
namespace {

constexpr float kNaN = std::numeric_limits<float>::quiet_NaN();
constexpr float kInfinity = std::numeric_limits<float>::infinity();

std::vector<double> softmax(const std::vector<float>& logits) {
  std::vector<double> p;
  double sum = 0;
  for (const float logit : logits) sum += p.emplace_back(std::exp(double{logit}));
  for (double& value : p) value /= sum;
  return p;
}

std::vector<float> random_logits(std::size_t n, std::uint32_t seed) {
  std::mt19937 random(seed);
  std::vector<float> logits(n);
  for (float& logit : logits) logit = static_cast<float>(random() % 10'000) / 1000.0F - 5;
  return logits;
}

TEST(TokenAgreement, FollowsTheDefinitions) {
  for (std::uint32_t seed = 0; seed < 20; ++seed) {
    const auto reference = random_logits(40, seed);
    auto logits = reference;
    for (std::size_t i = 0; i < logits.size(); ++i) logits[i] += 0.1F * static_cast<float>(i % 3);
    const auto p = softmax(reference);
    const auto q = softmax(logits);
    double kl = 0;
    for (std::size_t i = 0; i < p.size(); ++i) kl += p[i] * std::log(p[i] / q[i]);
    const TokenAgreement token = judge_token(logits, 7, reference);
    EXPECT_NEAR(token.kl, kl, 1e-12);
    EXPECT_NEAR(token.nll, -std::log(q[7]), 1e-12);
    EXPECT_NEAR(token.reference_nll, -std::log(p[7]), 1e-12);
    EXPECT_NEAR(token.greatest_error, 0.2, 1e-6);
    EXPECT_EQ(judge_token(logits, 7).nll, token.nll);
  }
}

TEST(TokenAgreement, OfEqualLogitsIsPerfect) {
  const auto logits = random_logits(50257, 3);
  const TokenAgreement token = judge_token(logits, 0, logits);
  EXPECT_EQ(token.kl, 0);
  EXPECT_EQ(token.greatest_error, 0);
  EXPECT_TRUE(token.same_top);
  EXPECT_EQ(token.shared_top, 1);
}

TEST(TokenAgreement, LargeLogitsDoNotOverflow) {
  const std::vector<float> logits{1e30F, 0, -1e30F};
  EXPECT_EQ(judge_token(logits, 0, logits).nll, 0);
  EXPECT_EQ(judge_token(logits, 0, logits).kl, 0);
}

TEST(TokenAgreement, TheLowestOfEqualIdsIsTheTop) {
  const std::vector<float> reference{0, 5, 5, 1, 2, 3, 4};
  std::vector<float> logits = reference;
  EXPECT_TRUE(judge_token(logits, 0, reference).same_top);
  logits[2] = 5.5F;  // now id 2 is the top id; the reference's is 1
  EXPECT_FALSE(judge_token(logits, 0, reference).same_top);
  EXPECT_EQ(judge_token(logits, 0, reference).shared_top, 1);
  logits[0] = 9;  // and id 0 pushes id 4, the fifth, out of the top five
  EXPECT_DOUBLE_EQ(judge_token(logits, 0, reference).shared_top, 0.8);
}

TEST(TokenAgreement, FewerThanFiveTokensAreAllShared) {
  const std::vector<float> logits{1, 2};
  EXPECT_EQ(judge_token(logits, 0, logits).shared_top, 1);
}

TEST(TokenAgreement, WhatIsNotFiniteIsSaid) {
  const std::vector<float> good{1, 2, 3};
  for (const float bad : {kNaN, kInfinity, -kInfinity}) {
    const std::vector<float> logits{1, bad, 3};
    const TokenAgreement token = judge_token(logits, 0, good);
    EXPECT_TRUE(token.wrong);
    EXPECT_TRUE(std::isnan(token.kl));
    EXPECT_TRUE(std::isnan(judge_token(logits, 0).nll));
    EXPECT_THROW(judge_token(good, 0, logits), Error);
  }
}

WindowAgreement window(std::uint64_t tokens, double nll, double kl) {
  WindowAgreement sums;
  sums.tokens = tokens;
  sums.nll = nll;
  sums.kl = kl;
  return sums;
}

TEST(Agreement, WindowsWeighByTheirTokens) {
  const std::vector<WindowAgreement> windows{window(3, 6, 0.3), window(1, 6, 0.5)};
  const Agreement agreement = summarize_agreement(windows, true);
  EXPECT_EQ(agreement.tokens, 4U);
  EXPECT_DOUBLE_EQ(agreement.nll_per_token.value, 3);
  EXPECT_DOUBLE_EQ(agreement.perplexity.value, std::exp(3));
  EXPECT_DOUBLE_EQ(agreement.reference->kl.value, 0.2);
  ASSERT_TRUE(agreement.reference->kl.interval);
  EXPECT_LE(agreement.reference->kl.interval->low, 0.2);
  EXPECT_GE(agreement.reference->kl.interval->high, 0.2);
  EXPECT_FALSE(summarize_agreement(windows, false).reference);
}

TEST(Agreement, OneWindowHasNoIntervals) {
  const std::vector<WindowAgreement> windows{window(3, 6, 0.3)};
  EXPECT_FALSE(summarize_agreement(windows, true).reference->kl.interval);
}

TEST(Agreement, NotANumberIsNeitherLostNorWritten) {
  const std::vector<float> good{1, 2, 3};
  const std::vector<float> bad{1, kNaN, 3};
  WindowAgreement first;
  first.add(judge_token(bad, 0, good));
  first.add(judge_token(good, 0, good));
  WindowAgreement second;
  second.add(judge_token(good, 0, good));
  EXPECT_EQ(first.not_finite, 1U);
  EXPECT_TRUE(std::isnan(first.greatest_error));
  const Agreement agreement = summarize_agreement(std::vector{first, second}, true);
  EXPECT_EQ(agreement.not_finite, 1U);
  EXPECT_TRUE(std::isnan(agreement.reference->kl.value));
  EXPECT_TRUE(std::isnan(agreement.reference->greatest_error.value));
  const auto json = nlohmann::json::parse(to_json(agreement).dump());
  EXPECT_TRUE(json["kl"].is_null());
  EXPECT_TRUE(json["kl_interval"].is_null());
  EXPECT_EQ(json["not_finite_tokens"], 1);
  EXPECT_EQ(json["first_not_finite"], "window 0, position 0: the logit of token 1 is NaN");
  EXPECT_EQ(agreement_from(json).first_not_finite, agreement.first_not_finite);
  EXPECT_TRUE(to_json(summarize_agreement(std::vector{second}, true))["first_not_finite"].is_null());
}

}  // namespace
}  // namespace inferbench
