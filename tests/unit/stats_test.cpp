// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>

#include <cmath>
#include <numbers>
#include <random>
#include <vector>

#include "stats/log_ratio.hpp"
#include "stats/ratio.hpp"
#include "stats/student_t.hpp"
#include "stats/summary.hpp"

namespace inferbench {
namespace {

using testing::DoubleNear;
using testing::Optional;

TEST(StudentT, MatchesTheClosedFormsOfOneAndTwoDegrees) {
  for (const double p : {0.001, 0.025, 0.2, 0.5, 0.6, 0.9, 0.975, 0.9999}) {
    const double one = std::tan(std::numbers::pi * (p - 0.5));
    const double two = (2 * p - 1) / std::sqrt(2 * p * (1 - p));
    EXPECT_NEAR(student_t_quantile(p, 1), one, 1e-9 * std::max(1.0, std::abs(one))) << p;
    EXPECT_NEAR(student_t_quantile(p, 2), two, 1e-9 * std::max(1.0, std::abs(two))) << p;
  }
}

// Quantiles are remembered. One that was asked for before must not answer for another.
TEST(StudentT, IsTheSameInAnyOrderOfQuestions) {
  constexpr int kMost = 20;
  std::vector<double> first;
  for (int df = 1; df <= kMost; ++df) first.push_back(student_t_quantile(0.995, df));
  for (int df = kMost; df >= 1; --df) {
    EXPECT_LT(student_t_quantile(0.975, df), student_t_quantile(0.995, df)) << df;
    EXPECT_EQ(student_t_quantile(0.995, df), first[static_cast<std::size_t>(df - 1)]) << df;
  }
}

// R 4.2: qt(0.975, df), qt(0.995, df).
TEST(StudentT, MatchesR) {
  EXPECT_NEAR(student_t_quantile(0.975, 3), 3.182446305284263, 1e-10);
  EXPECT_NEAR(student_t_quantile(0.975, 4), 2.776445105197793, 1e-10);
  EXPECT_NEAR(student_t_quantile(0.975, 10), 2.228138851964939, 1e-10);
  EXPECT_NEAR(student_t_quantile(0.975, 30), 2.042272456301238, 1e-10);
  EXPECT_NEAR(student_t_quantile(0.995, 9), 3.249835541592126, 1e-10);
}

TEST(StudentT, NearsTheNormalDistribution) {
  EXPECT_NEAR(student_t_quantile(0.975, 1e7), 1.959963985, 1e-6);
}

TEST(StudentT, RefusesWhatHasNoQuantile) {
  EXPECT_THROW(student_t_quantile(0, 3), std::invalid_argument);
  EXPECT_THROW(student_t_quantile(1, 3), std::invalid_argument);
  EXPECT_THROW(student_t_quantile(0.5, 0), std::invalid_argument);
}

TEST(IncompleteBeta, MatchesClosedForms) {
  for (const double x : {0.0, 0.1, 0.5, 0.77, 1.0}) {
    EXPECT_NEAR(incomplete_beta(1, 1, x), x, 1e-13);
    EXPECT_NEAR(incomplete_beta(3, 1, x), x * x * x, 1e-13);
    EXPECT_NEAR(incomplete_beta(0.5, 0.5, x), 2 / std::numbers::pi * std::asin(std::sqrt(x)), 1e-12);
  }
}

TEST(Summary, OfAKnownSample) {
  const std::vector<double> values{7, 1, 3, 5, 9};
  const auto summary = summarize(values);
  ASSERT_TRUE(summary);
  EXPECT_EQ(summary->n, 5U);
  EXPECT_DOUBLE_EQ(summary->mean, 5);
  EXPECT_DOUBLE_EQ(summary->median, 5);
  EXPECT_DOUBLE_EQ(summary->min, 1);
  EXPECT_DOUBLE_EQ(summary->max, 9);
  EXPECT_THAT(summary->sd, Optional(DoubleNear(std::sqrt(10.0), 1e-14)));
  EXPECT_THAT(summary->p50, Optional(5.0));
  EXPECT_FALSE(summary->p90);
}

TEST(Summary, OfOneValueHasNoSpread) {
  const auto summary = summarize(std::vector<double>{4});
  ASSERT_TRUE(summary);
  EXPECT_DOUBLE_EQ(summary->median, 4);
  EXPECT_FALSE(summary->sd);
  EXPECT_FALSE(summary->p50);
  EXPECT_FALSE(summarize({}));
}

TEST(Summary, KeepsItsDigitsFarFromZero) {
  const auto summary = summarize(std::vector<double>{1e9 + 1, 1e9 + 2, 1e9 + 3});
  ASSERT_TRUE(summary);
  EXPECT_THAT(summary->sd, Optional(DoubleNear(1.0, 1e-9)));
}

TEST(Percentile, NeedsOneOverOneMinusPValues) {
  std::vector<double> values;
  for (int i = 1; i <= 9; ++i) values.push_back(i);
  EXPECT_FALSE(percentile(values, 0.9));
  values.push_back(10);
  EXPECT_THAT(percentile(values, 0.9), Optional(DoubleNear(9.1, 1e-12)));  // numpy.percentile(range(1, 11), 90)
  EXPECT_FALSE(percentile(values, 0.95));
  for (int i = 11; i <= 20; ++i) values.push_back(i);
  EXPECT_THAT(percentile(values, 0.95), Optional(DoubleNear(19.05, 1e-12)));
  EXPECT_FALSE(percentile(values, 0.99));
  for (int i = 21; i <= 100; ++i) values.push_back(i);
  EXPECT_THAT(percentile(values, 0.99), Optional(DoubleNear(99.01, 1e-12)));
}

TEST(SpeedRatio, IsTheGeometricMeanWithAnIntervalOnTheLogs) {
  const std::vector<double> contender{2, 4, 8, 16, 32};
  const std::vector<double> baseline{1, 1, 1, 1, 1};
  const auto ratio = paired_speed_ratio(contender, baseline);
  ASSERT_TRUE(ratio);
  EXPECT_NEAR(ratio->ratio, 8, 1e-12);
  EXPECT_EQ(ratio->level, 0.99);
  ASSERT_TRUE(ratio->interval);
  // Logs: log 2 times 1 to 5, so sd = sqrt(2.5) log 2 and n = 5; t(0.995, 4) from any table.
  const double half = 4.604094871 * std::sqrt(2.5) * std::log(2) / std::sqrt(5);
  EXPECT_NEAR(ratio->interval->low, 8 * std::exp(-half), 1e-7);
  EXPECT_NEAR(ratio->interval->high, 8 * std::exp(half), 1e-5);
  const auto at95 = paired_speed_ratio(contender, baseline, 0.95);
  EXPECT_EQ(at95->level, 0.95);
  EXPECT_NEAR(at95->interval->low, 8 * std::exp(-half * 2.776445105 / 4.604094871), 1e-7);
}

// Two blocks that agree by chance would give an interval of zero width.
TEST(SpeedRatio, OfFewerThanFiveBlocksHasNoIntervalAndNoVerdict) {
  for (std::size_t n = 1; n <= 5; ++n) {
    const auto ratio = paired_speed_ratio(std::vector<double>(n, 8.05), std::vector<double>(n, 1.0));
    ASSERT_TRUE(ratio);
    EXPECT_EQ(ratio->interval.has_value(), n >= 5) << n;
    EXPECT_EQ(judge(*ratio), n >= 5 ? Verdict::kFaster : Verdict::kTooFewBlocks) << n;
  }
  EXPECT_EQ(to_string(Verdict::kTooFewBlocks), "too few blocks");
}

TEST(SpeedRatio, TakesOutWhatHitsAPairAlike) {
  std::vector<double> contender;
  std::vector<double> baseline;
  for (int block = 0; block < 7; ++block) {
    const double drift = 1.0 / (1 + block);
    contender.push_back(105 * drift * (1 + 1e-4 * (block % 2)));
    baseline.push_back(100 * drift);
  }
  const auto ratio = paired_speed_ratio(contender, baseline);
  ASSERT_TRUE(ratio);
  EXPECT_EQ(judge(*ratio), Verdict::kFaster);
  EXPECT_NEAR(ratio->ratio, 1.05, 1e-3);
}

TEST(SpeedRatio, RefusesUnequalLengthsAndNonPositiveValues) {
  EXPECT_THROW(paired_speed_ratio(std::vector<double>{1, 2}, std::vector<double>{1}), std::invalid_argument);
  EXPECT_THROW(paired_speed_ratio(std::vector<double>{0}, std::vector<double>{1}), std::invalid_argument);
  EXPECT_FALSE(paired_speed_ratio({}, {}));
}

// With samples of equal size and spread, Welch's interval is Student's with 2 (n - 1) degrees of freedom.
TEST(LogRatio, OfIndependentSamplesOfEqualSpread) {
  const std::vector<double> a{std::exp(1.0), std::exp(1.1), std::exp(1.2), std::exp(1.3), std::exp(1.4)};
  const std::vector<double> b{std::exp(0.5), std::exp(0.6), std::exp(0.7), std::exp(0.8), std::exp(0.9)};
  const auto ratio = independent_log_ratio(a, b);
  ASSERT_TRUE(ratio);
  EXPECT_NEAR(ratio->mean, 0.5, 1e-12);
  EXPECT_NEAR(*ratio->se, 0.1 * std::sqrt(2.5 * 2 / 5), 1e-12);
  EXPECT_NEAR(ratio->degrees_of_freedom, 8, 1e-9);
  const SpeedRatio speed = to_speed_ratio(*ratio);
  EXPECT_NEAR(speed.ratio, std::exp(0.5), 1e-12);
  const double half = 3.355387 * *ratio->se;  // t(0.995, 8) from any table
  EXPECT_NEAR(std::log(speed.interval->high), 0.5 + half, 1e-6);
  EXPECT_NEAR(std::log(speed.interval->low), 0.5 - half, 1e-6);
}

// A side without spread does not affect the degrees of freedom.
TEST(LogRatio, WelchsDegreesOfFreedomFollowTheNoisierSide) {
  const std::vector<double> noisy{1, 2, 4, 8, 16};
  const std::vector<double> exact{3, 3, 3, 3, 3, 3, 3};
  EXPECT_NEAR(independent_log_ratio(noisy, exact)->degrees_of_freedom, 4, 1e-9);
  EXPECT_EQ(*independent_log_ratio(exact, exact)->se, 0);
  EXPECT_FALSE(independent_log_ratio(noisy, std::vector<double>{3, 3, 3, 3})->se);
  EXPECT_FALSE(independent_log_ratio(noisy, {}));
}

TEST(LogRatio, MeanOverPointsAddsTheirErrors) {
  const std::vector<LogRatio> points{{5, std::log(2.0), 0.03, 4}, {5, std::log(8.0), 0.04, 4}};
  const auto mean = mean_log_ratio(points);
  EXPECT_NEAR(std::exp(mean->mean), 4, 1e-12);
  EXPECT_NEAR(*mean->se, 0.025, 1e-12);
  // Satterthwaite: (0.0009 + 0.0016)^2 / (0.0009^2 / 4 + 0.0016^2 / 4)
  EXPECT_NEAR(mean->degrees_of_freedom, 7.41839762611276, 1e-9);
  EXPECT_EQ(mean->n, 10U);
  EXPECT_FALSE(mean_log_ratio(std::vector<LogRatio>{points[0], {1, 0, std::nullopt, 0}})->se);
  EXPECT_FALSE(mean_log_ratio({}));
}

TEST(Verdict, FollowsTheInterval) {
  EXPECT_EQ(judge({5, 1.5, Interval{1.4, 1.6}}), Verdict::kFaster);
  EXPECT_EQ(judge({5, 0.7, Interval{0.6, 0.8}}), Verdict::kSlower);
  EXPECT_EQ(judge({5, 1.0, Interval{0.985, 1.015}}), Verdict::kSame);
  EXPECT_EQ(judge({5, 1.0, Interval{0.95, 1.01}}), Verdict::kUnclear);
  EXPECT_EQ(judge({5, 1.0, Interval{0.99, 1.03}}), Verdict::kUnclear);
  EXPECT_EQ(judge({5, 1.06, Interval{0.96, 1.17}}), Verdict::kUnclear);  // the ratio alone proves nothing
  EXPECT_EQ(judge({5, 0.94, Interval{0.85, 1.04}}), Verdict::kUnclear);
  EXPECT_EQ(judge({1, 2.0, {}}), Verdict::kTooFewBlocks);
  EXPECT_EQ(judge({5, 0.99, Interval{0.988, 0.992}}), Verdict::kSlower);  // a certain 1% difference is not "same"
}

// The interval promises 99% coverage. 1% of the true ratios may be outside, up to chance (2000 runs: sd 0.22%).
TEST(SpeedRatio, CoversTheTruthAsOftenAsItSays) {
  std::mt19937 random(7);
  std::normal_distribution<double> noise(0, 0.03);
  int covered = 0;
  constexpr int kRuns = 2000;
  for (int run = 0; run < kRuns; ++run) {
    std::vector<double> contender;
    std::vector<double> baseline;
    for (int block = 0; block < 5; ++block) {
      contender.push_back(1.3 * std::exp(noise(random)));
      baseline.push_back(std::exp(noise(random)));
    }
    const auto ratio = paired_speed_ratio(contender, baseline);
    if (ratio->interval->low <= 1.3 && 1.3 <= ratio->interval->high) ++covered;
  }
  EXPECT_NEAR(static_cast<double>(covered) / kRuns, 0.99, 0.01);
}

TEST(Median, NeedsOneValueOnly) {
  EXPECT_FALSE(median(std::vector<double>{}));
  EXPECT_EQ(median(std::vector<double>{7}), 7);
  EXPECT_EQ(median(std::vector<double>{9, 1}), 5);
  EXPECT_EQ(median(std::vector<double>{9, 1, 2}), 2);
}

}  // namespace
}  // namespace inferbench
