// SPDX-License-Identifier: Apache-2.0
// The parts of a prediction: least squares, terms, trees, scores, intervals, points.
#include <gmock/gmock.h>

#include <cmath>
#include <numeric>
#include <random>

#include "predict/boosted_trees.hpp"
#include "predict/extrapolation.hpp"
#include "predict/machine_rates.hpp"
#include "predict/nonnegative_least_squares.hpp"
#include "predict/physical_terms.hpp"
#include "predict/point_text.hpp"
#include "predict/scores.hpp"
#include "support/error.hpp"

namespace inferbench {
namespace {

using testing::DoubleNear;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Pointwise;

using Rows = std::vector<std::vector<double>>;

TEST(NonnegativeLeastSquares, FindsWhatMadeTheData) {
  const Rows rows{{1, 2, 0}, {1, 0, 3}, {0, 1, 1}, {2, 1, 1}, {1, 1, 1}};
  const std::vector<double> truth{0.5, 2, 0.25};
  std::vector<double> b;
  for (const auto& row : rows) b.push_back(std::inner_product(row.begin(), row.end(), truth.begin(), 0.0));
  EXPECT_THAT(nonnegative_least_squares(rows, b), Pointwise(DoubleNear(1e-10), truth));
}

// min (x + y - 1)^2 + (x - 3)^2 + (y + 1)^2: without bounds y < 0; with y = 0, 2 x = 4.
TEST(NonnegativeLeastSquares, StopsAtZero) {
  const auto x = nonnegative_least_squares({{1, 1}, {1, 0}, {0, 1}}, {1, 3, -1});
  EXPECT_THAT(x, ElementsAre(DoubleNear(2, 1e-10), 0));
  EXPECT_THAT(nonnegative_least_squares({{1, 2}, {3, 4}}, {-1, -2}), ElementsAre(0, 0));
}

TEST(NonnegativeLeastSquares, TakesColumnsThatDependOrAreZero) {
  const auto x = nonnegative_least_squares({{1, 2, 0}, {2, 4, 0}, {3, 6, 0}}, {5, 10, 15});
  EXPECT_NEAR(x[0] + 2 * x[1], 5, 1e-9);
  EXPECT_EQ(x[2], 0);
  EXPECT_THROW(nonnegative_least_squares({}, {}), std::invalid_argument);
  EXPECT_THROW(nonnegative_least_squares({{1, 2}, {1}}, {1, 1}), std::invalid_argument);
}

// Every solution satisfies the Karush-Kuhn-Tucker conditions: no excluded column would lower the error.
TEST(NonnegativeLeastSquares, IsOptimalOnRandomProblems) {
  std::mt19937_64 random(3);
  std::normal_distribution<double> normal(0, 1);
  for (int problem = 0; problem < 200; ++problem) {
    Rows rows(12, std::vector<double>(6));
    std::vector<double> b(rows.size());
    for (std::size_t i = 0; i < rows.size(); ++i) {
      for (double& value : rows[i]) value = normal(random);
      b[i] = normal(random);
    }
    const auto x = nonnegative_least_squares(rows, b);
    for (std::size_t j = 0; j < x.size(); ++j) {
      double gradient = 0;  // of half the squared error
      for (std::size_t i = 0; i < rows.size(); ++i) {
        gradient += rows[i][j] * (std::inner_product(x.begin(), x.end(), rows[i].begin(), 0.0) - b[i]);
      }
      ASSERT_GE(x[j], 0);
      if (x[j] > 0) {
        EXPECT_NEAR(gradient, 0, 1e-8);
      } else {
        EXPECT_GE(gradient, -1e-8);
      }
    }
  }
}

ModelConfig small_shape() {
  ModelConfig shape;
  set_gpt2_sizes(shape, 12, 12, 768, 1024, 50257);
  return shape;
}

MachineLimits two_speeds() {
  MachineLimits limits;
  limits.by_threads = {
      {2, {{1U << 20U, {100e9, 100e9, ""}}, {1U << 29U, {10e9, 10e9, ""}}}, {200e9, 200e9, ""}, {800e9, 800e9, ""}}};
  return limits;
}

// GPT-2 124M: 12 layers of 12 x 768^2 weights, and a head of 50257 x 768.
TEST(PhysicalTerms, AreTheModelsBytesAndOperations) {
  const double blocks = 12.0 * 12 * 768 * 768;
  const double head = 50257.0 * 768;
  EXPECT_DOUBLE_EQ(decode_weights(small_shape()), blocks + head);
  const MachineLimits limits = two_speeds();
  const Setting setting{"quant", PrecisionMeaning{8, true}, 1.0, &limits};
  const Workload load{small_shape(), 100, 8, 4, 2};
  const auto decode = physical_terms("decode_ms_per_token", setting, load);
  ASSERT_EQ(decode.size(), physical_term_names("decode_ms_per_token").size());
  // From memory: 124 MB are closer to 512 MiB than to 1 MiB
  EXPECT_NEAR(decode[2], 1e3 * (blocks + head) / 10e9, 1e-9);
  EXPECT_NEAR(decode[3], 1e3 * 2 * 4 * (blocks + head) / 800e9, 1e-9);
  EXPECT_EQ(decode[4], 0);  // the batch size is four
  EXPECT_NEAR(decode[5], 1e3 * 4 * 104 * 2 * 12 * 768 * 4 / 10e9, 1e-9);
  const auto ttft = physical_terms("ttft_ms", setting, load);
  EXPECT_NEAR(ttft[3], 1e3 * 2 * 400 * blocks / 800e9, 1e-9);
  EXPECT_NEAR(ttft[5], 1e3 * 2 * 400 * 100 * 12 * 768 / 200e9, 1e-9);
  const auto memory = physical_terms("peak_rss_bytes", setting, load);
  EXPECT_NEAR(memory[3], 4 * 107 * 2 * 12 * 768, 1e-6);
  EXPECT_THROW(physical_terms("joy", setting, load), Error);
}

TEST(MachineRates, TakeTheCacheIntoAccountAndTheNearestThreadCount) {
  const MachineLimits limits = two_speeds();
  const Setting setting{"quant", PrecisionMeaning{8, true}, 1.0, &limits};
  EXPECT_DOUBLE_EQ(machine_rates(setting, 2, 1e6).bytes, 100e9);
  EXPECT_DOUBLE_EQ(machine_rates(setting, 3, 1e9).bytes, 10e9);
  EXPECT_DOUBLE_EQ(machine_rates(setting, 2, 0).bytes, 10e9);
  EXPECT_DOUBLE_EQ(machine_rates({"quant", PrecisionMeaning{8, true}}, 2, 1e6).products, 1e9);
}

TEST(MachineRates, OfADeviceAreItsOwnAtAnyThreadCount) {
  MachineLimits limits = two_speeds();
  DeviceLimits& device = limits.by_device.emplace_back();
  device.device = "cuda:0";
  device.read = {{1U << 30U, {4e12, 4e12, ""}}};
  device.fp32_flops_per_s = {60e12, 60e12, ""};
  device.bf16_flops_per_s = {700e12, 700e12, ""};
  const Setting setting{"card", PrecisionMeaning{16, false}, 2.0, &limits, "cuda:0"};
  for (const std::int32_t threads : {1, 2, 16}) {
    const WorkLimits rates = machine_rates(setting, threads, 1e6);
    EXPECT_DOUBLE_EQ(rates.bytes, 4e12);
    EXPECT_DOUBLE_EQ(rates.products, 700e12);
    EXPECT_DOUBLE_EQ(rates.fp32, 60e12);
  }
  EXPECT_EQ(physical_priors("decode_ms_per_token", setting)[2], 1);
  const Setting elsewhere{"card", PrecisionMeaning{16, false}, 2.0, &limits, "cuda:1"};
  EXPECT_DOUBLE_EQ(machine_rates(elsewhere, 2, 1e6).bytes, 1e9) << "not measured";
  EXPECT_EQ(physical_priors("decode_ms_per_token", elsewhere)[2], 0);
}

TEST(BoostedTrees, LearnAreTheSameTwiceAndSurviveJson) {
  Rows rows;
  std::vector<double> labels;
  for (int i = 0; i < 64; ++i) {
    rows.push_back({static_cast<double>(i % 8), std::floor(i / 8.0)});
    labels.push_back(i % 8 >= 4 ? 3 : 1);
  }
  const BoostedTrees trees = BoostedTrees::train(rows, labels);
  EXPECT_NEAR(trees.predict({6, 2}), 3, 0.01);
  EXPECT_NEAR(trees.predict({1, 7}), 1, 0.01);
  EXPECT_EQ(BoostedTrees::train(rows, labels).to_json(), trees.to_json());
  EXPECT_EQ(BoostedTrees::from_json(trees.to_json()).predict({6, 2}), trees.predict({6, 2}));
  ASSERT_EQ(trees.gains().size(), 1U);  // the second feature carries no information
  EXPECT_EQ(trees.gains().front().first, 0U);
  EXPECT_THROW(BoostedTrees::from_json("{}"), Error);
  EXPECT_THROW(BoostedTrees::train({}, {}), std::invalid_argument);
}

TEST(BoostedTrees, AMonotoneFeatureNeverLowersThePrediction) {
  std::mt19937_64 random(5);
  std::normal_distribution<double> normal(0, 1);
  Rows rows;
  std::vector<double> labels;
  for (int i = 0; i < 100; ++i) {
    rows.push_back({i / 100.0});
    labels.push_back(i / 100.0 + 0.3 * normal(random));
  }
  TreeOptions options;
  options.monotone = {Monotone::kIncreasing};
  const BoostedTrees trees = BoostedTrees::train(rows, labels, options);
  for (int i = 1; i < 100; ++i) EXPECT_GE(trees.predict({i / 100.0}), trees.predict({(i - 1) / 100.0}));
}

HeldOut left_out(double predicted, double measured) {
  return {0, "model", false, predicted, measured};
}

TEST(Scores, AreThoseOfTheTextbook) {
  const std::vector<HeldOut> held_out{left_out(110, 100), left_out(180, 200), left_out(300, 300)};
  const Scores scores = score(held_out);
  EXPECT_EQ(scores.n, 3U);
  EXPECT_NEAR(scores.mape, 0.2 / 3, 1e-12);
  EXPECT_NEAR(scores.r2.value(), 1 - 500.0 / 20000, 1e-12);
  EXPECT_FALSE(score(std::vector<HeldOut>{left_out(1, 2)}).r2);
}

TEST(Scores, OfAThresholdCountBothKinds) {
  // Measured 100, 150 | 250, 300 with a threshold of 200; predicted 90, 220 | 210, 400.
  const std::vector<HeldOut> held_out{left_out(90, 100), left_out(220, 150), left_out(210, 250), left_out(400, 300)};
  const ThresholdScores scores = score_threshold(held_out, 200);
  EXPECT_EQ(scores.meets, 2U);
  EXPECT_EQ(scores.misses, 2U);
  EXPECT_DOUBLE_EQ(scores.accuracy, 0.75);
  EXPECT_DOUBLE_EQ(scores.roc_auc.value(), 0.75);  // one of four pairs, 220 and 210, is in the wrong order
  EXPECT_FALSE(score_threshold(held_out, 50).roc_auc);
  EXPECT_DOUBLE_EQ(score_threshold(held_out, 50).accuracy, 1);
}

TEST(ConformalInterval, TakesTheRankThatItsTheoremAsksFor) {
  std::vector<double> residuals{-0.01, 0.02, -0.03, 0.04, 0.05, -0.06, 0.07, 0.08, 0.09};
  EXPECT_EQ(conformal_half_width(residuals, 0.9), 0.09);  // ceil(10 x 0.9) = 9
  EXPECT_EQ(conformal_half_width(residuals, 0.5), 0.05);
  residuals.pop_back();
  EXPECT_EQ(conformal_half_width(residuals, 0.9), std::nullopt);
}

// The promise itself: over many draws, a new residual is inside at least 90% of the time, and not much more often.
TEST(ConformalInterval, CoversWhatItPromises) {
  std::mt19937_64 random(11);
  std::exponential_distribution<double> skewed(1);
  int covered = 0;
  constexpr int kDraws = 4000;
  for (int draw = 0; draw < kDraws; ++draw) {
    std::vector<double> residuals(39);
    for (double& residual : residuals) residual = skewed(random);
    if (skewed(random) <= conformal_half_width(residuals, 0.9).value()) ++covered;
  }
  EXPECT_NEAR(covered / static_cast<double>(kDraws), 0.9, 0.02);
}

Workload with_batch(std::int32_t batch) {
  return {small_shape(), 32, 8, batch, 2};
}

TEST(Extrapolation, IsToldAndIsTooFarBeyondTheWidestGap) {
  MeasuredRanges ranges;
  for (const std::int32_t batch : {1, 2, 8}) add_to_ranges(ranges, with_batch(batch));
  EXPECT_TRUE(beyond_ranges(ranges, with_batch(4)).empty());
  const auto near = beyond_ranges(ranges, with_batch(32));
  ASSERT_EQ(near.size(), 1U);
  EXPECT_FALSE(near[0].too_far);  // a step of 4x after 8, like the measured step from 2 to 8
  EXPECT_EQ(beyond_text(near[0]), "batch 32 is beyond the measured 1 to 8");
  EXPECT_TRUE(beyond_ranges(ranges, with_batch(33)).at(0).too_far);
  Workload threads = with_batch(1);
  threads.threads = 4;
  EXPECT_TRUE(beyond_ranges(ranges, threads).at(0).too_far);  // only one value was measured
  EXPECT_EQ(beyond_text(beyond_ranges(ranges, threads)[0]), "threads 4 is beyond the measured 2");
}

TEST(PointText, ReadsListsAndNamesMistakes) {
  const PointQuery query = parse_point("contender=cpu_quant:int8,prompt_tokens=[32,128],batch=4");
  EXPECT_THAT(query.at("contender"), ElementsAre("cpu_quant:int8"));
  EXPECT_THAT(query.at("prompt_tokens"), ElementsAre("32", "128"));
  for (const char* wrong : {"", "batch", "batch=", "batch=0", "batch=x", "batch=1,batch=2", "layers=3", "prompts=3",
                            "batch=[]", "batch=[1,]", "model=a,layers=1,width=64", "batch=99999999999999999999"}) {
    EXPECT_THROW(parse_point(wrong), Error) << wrong;
  }
  try {
    parse_point("promt_tokens=3");
    FAIL();
  } catch (const Error& error) {
    EXPECT_THAT(error.cure(), HasSubstr("did you mean 'prompt_tokens'"));
  }
}

}  // namespace
}  // namespace inferbench
