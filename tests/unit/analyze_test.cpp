// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <set>

#include "analyze/analysis.hpp"
#include "analyze/analysis_table.hpp"
#include "analyze/axes.hpp"
#include "analyze/configurations.hpp"
#include "analyze/rank_correlation.hpp"
#include "support/error.hpp"
#include "unit/sweep_fixture.hpp"

namespace inferbench {
namespace {

using test::made_up_run;
using test::MadeUpSweep;
using test::MadeUpTimes;
using testing::HasSubstr;

constexpr double kMsPerS = 1000;

/// Two contenders, the second twice as fast; time grows with prompt^1.2 and batch^0.5, and falls with threads^-0.8.
MadeUpSweep power_laws() {
  MadeUpSweep sweep;
  sweep.contenders = {{"slow", "cpu_ref", "fp32", {}}, {"fast", "cpu_quant", "int8", {}}};
  sweep.prompts = {32, 128, 512};
  sweep.batches = {1, 4};
  sweep.threads = {1, 2};
  sweep.law = [](const Contender& contender, const ModelConfig&, const Point& point) {
    const double speed = contender.name == "fast" ? 2 : 1;
    const double ttft =
        std::pow(point.prompt_tokens, 1.2) * std::pow(point.batch, 0.5) * std::pow(point.threads, -0.8) / speed;
    return MadeUpTimes{ttft, 5 / speed, 1e6, 1e6};
  };
  return sweep;
}

const MetricAnalysis& only_metric(const AnalysisResult& result) {
  return result.metrics.at(0);
}

TEST(Analysis, FindsExponentsOfPowerLaws) {
  MadeUpSweep sweep = power_laws();
  sweep.noise = 0.01;
  const std::vector<RunData> runs{made_up_run(sweep)};
  const AnalysisResult result = analyze_runs(runs, {"ttft_ms"});
  const std::map<std::string, double> expected{{"context", 1.2}, {"batch", 0.5}, {"threads", -0.8}};
  ASSERT_EQ(only_metric(result).scaling.size(), 6U);  // three varying axes times two contenders
  for (const ScalingExponent& exponent : only_metric(result).scaling) {
    ASSERT_TRUE(expected.contains(exponent.axis)) << exponent.axis;
    EXPECT_NEAR(exponent.exponent, expected.at(exponent.axis), 0.02) << exponent.axis;
    ASSERT_TRUE(exponent.interval);
    EXPECT_LT(exponent.interval->low, exponent.exponent);
    EXPECT_LT(exponent.interval->high - exponent.interval->low, 0.1);
    EXPECT_EQ(exponent.configurations, 12U);
  }
}

// The interval promises 95% coverage. Of 400 noisy sweeps, 5% may miss the truth, with a standard deviation of 1.1%.
TEST(Analysis, ExponentsCoverTheTruthAsOftenAsTheySay) {
  MadeUpSweep sweep = power_laws();
  sweep.contenders.resize(1);
  sweep.noise = 0.05;
  sweep.blocks = 1;
  int covered = 0;
  constexpr int kSweeps = 400;
  for (int i = 0; i < kSweeps; ++i) {
    sweep.seed = static_cast<std::uint64_t>(i) + 1;
    const std::vector<RunData> runs{made_up_run(sweep)};
    const AnalysisResult result = analyze_runs(runs, {"ttft_ms"});
    const ScalingExponent& context = only_metric(result).scaling.front();
    if (context.interval->low <= 1.2 && 1.2 <= context.interval->high) ++covered;
  }
  EXPECT_NEAR(covered / static_cast<double>(kSweeps), 0.95, 0.04);
}

TEST(Analysis, ACurveThatIsNoPowerLawWidensTheInterval) {
  MadeUpSweep sweep = power_laws();
  sweep.contenders.resize(1);
  sweep.law = [](const Contender&, const ModelConfig&, const Point& point) {
    return MadeUpTimes{100 + 0.002 * point.prompt_tokens * point.prompt_tokens, 1, 1e6, 1e6};
  };
  const std::vector<RunData> runs{made_up_run(sweep)};
  const AnalysisResult result = analyze_runs(runs, {"ttft_ms"});
  const ScalingExponent& context = only_metric(result).scaling.front();
  EXPECT_GT(context.interval->high - context.interval->low, 0.2);
}

// In a balanced sweep with independent effects on the logarithm, the share of an axis is exactly its own variance
// divided by the total. Variance of the logs: contender (log 2 / 2)^2, prompt 1.44 x variance of log{32, 128, 512},
// ...
TEST(Analysis, SharesAreTheVariancesOfIndependentEffects) {
  const std::vector<RunData> runs{made_up_run(power_laws())};
  const AnalysisResult result = analyze_runs(runs, {"ttft_ms"});
  ASSERT_TRUE(only_metric(result).variance);
  const VarianceShares& shares = *only_metric(result).variance;
  const double log2 = std::log(2.0);
  const std::map<std::string, double> variance{{"contender", log2 * log2 / 4},
                                               {"prompt_tokens", 1.44 * 2.0 / 3 * 4 * log2 * log2},
                                               {"batch", 0.25 * log2 * log2},
                                               {"threads", 0.64 * log2 * log2 / 4}};
  double total = 0;
  for (const auto& [axis, value] : variance) total += value;
  ASSERT_EQ(shares.axes.size(), variance.size());
  for (const AxisShare& axis : shares.axes) EXPECT_NEAR(axis.share, variance.at(axis.axis) / total, 1e-4) << axis.axis;
  EXPECT_NEAR(shares.interactions, 0, 1e-4);
  EXPECT_NEAR(shares.repeats, 0, 1e-9);
}

TEST(Analysis, NoiseIsRepeatsAndProductsAreInteractions) {
  MadeUpSweep sweep = power_laws();
  sweep.noise = 0.3;
  sweep.law = [](const Contender& contender, const ModelConfig&, const Point& point) {
    // The batch size decides which contender is faster.
    const bool fast = (contender.name == "fast") == (point.batch == 4);
    return MadeUpTimes{fast ? 100.0 : 200.0, 1, 1e6, 1e6};
  };
  const std::vector<RunData> runs{made_up_run(sweep)};
  const AnalysisResult result = analyze_runs(runs, {"ttft_ms"});
  const VarianceShares& shares = *only_metric(result).variance;
  EXPECT_GT(shares.interactions, 0.4);
  EXPECT_GT(shares.repeats, 0.2);
  double sum = shares.interactions + shares.repeats;
  for (const AxisShare& axis : shares.axes) sum += axis.share;
  EXPECT_NEAR(sum, 1, 1e-9);
}

TEST(Analysis, ThreadsHaveASpeedupAndAnEfficiency) {
  MadeUpSweep sweep = power_laws();
  sweep.noise = 0.01;
  const std::vector<RunData> runs{made_up_run(sweep)};
  const AnalysisResult result = analyze_runs(runs, {"prefill_tokens_per_s"});
  ASSERT_EQ(only_metric(result).threads.size(), 2U);
  const ThreadEfficiency& threads = only_metric(result).threads.front();
  EXPECT_EQ(threads.contender, "slow");
  EXPECT_EQ(threads.from, 1);
  EXPECT_EQ(threads.to, 2);
  EXPECT_EQ(threads.speedup.n, 18U);  // three prompts, two batches, three blocks
  EXPECT_NEAR(threads.speedup.ratio, std::pow(2, 0.8), 0.02);
  EXPECT_NEAR(threads.efficiency, std::pow(2, 0.8) / 2, 0.01);
}

TEST(Analysis, ARunThatRepeatsAnotherIsAnAxis) {
  MadeUpSweep sweep = power_laws();
  const RunData first = made_up_run(sweep);
  const auto law = sweep.law;
  sweep.law = [law](const Contender& contender, const ModelConfig& shape, const Point& point) {
    MadeUpTimes times = law(contender, shape, point);
    times.decode_ms *= 4;
    return times;
  };
  const std::vector<RunData> runs{first, made_up_run(sweep)};
  const AnalysisResult result = analyze_runs(runs, {"decode_ms_per_token"});
  const VarianceShares& shares = *only_metric(result).variance;
  EXPECT_EQ(shares.axes.back().axis, "run");
  EXPECT_NEAR(shares.axes.back().share, 0.8, 1e-3);  // log 4 compared with log 2: 4 to 1 when squared
}

// A Llama and a GPT-2 differ in more than their sizes.
TEST(Analysis, TheModelsSizeIsComparedWithinAnArchitecture) {
  const auto along_size = [](const std::vector<std::string>& models) {
    MadeUpSweep sweep = power_laws();
    sweep.contenders.resize(1);
    sweep.models = models;
    const std::vector<RunData> runs{made_up_run(sweep)};
    const AnalysisResult result = analyze_runs(runs, {"ttft_ms"});
    std::optional<ScalingExponent> found;
    for (const ScalingExponent& exponent : only_metric(result).scaling) {
      if (exponent.axis == "model_size") found = exponent;
    }
    const auto& correlations = only_metric(result).correlations;
    const bool correlated = std::any_of(correlations.begin(), correlations.end(),
                                        [](const AxisCorrelation& one) { return one.axis == "model_size"; });
    EXPECT_EQ(correlated, found && models.size() == 2);
    return found;
  };
  EXPECT_FALSE(along_size({"synthetic:gpt2", "synthetic:smollm2-135m"}));
  EXPECT_TRUE(along_size({"synthetic:gpt2", "synthetic:gpt2-medium"}));
  const auto mixed = along_size({"synthetic:smollm2-135m", "synthetic:gpt2", "synthetic:gpt2-medium"});
  ASSERT_TRUE(mixed);
  EXPECT_NEAR(mixed->low, 124e6, 1e6);  // of the two that were compared
  EXPECT_NEAR(mixed->high, 355e6, 1e6);
}

TEST(Analysis, OfOneConfigurationHasNothingToExplain) {
  MadeUpSweep sweep = power_laws();
  sweep.contenders.resize(1);
  sweep.prompts = {32};
  sweep.batches = {1};
  sweep.threads = {2};
  const std::vector<RunData> runs{made_up_run(sweep)};
  const AnalysisResult result = analyze_runs(runs);
  for (const MetricAnalysis& metric : result.metrics) {
    EXPECT_FALSE(metric.variance);
    EXPECT_TRUE(metric.scaling.empty());
  }
  EXPECT_THAT(analysis_table(result), HasSubstr("no variance to explain"));
}

TEST(Analysis, RefusesUnknownMetricsEmptyRunsAndAmbiguousNames) {
  const RunData run = made_up_run(power_laws());
  EXPECT_THROW(analyze_runs(std::vector<RunData>{run}, {"ttft"}), Error);
  RunData empty = run;
  empty.trials.clear();
  EXPECT_THROW(analyze_runs(std::vector<RunData>{empty}), Error);
  RunData other = run;
  other.info.contenders[1].options["isa"] = "generic";
  EXPECT_THROW(analyze_runs(std::vector<RunData>{run, other}), Error);
}

TEST(Analysis, GivesEveryNumberAsJson) {
  const std::vector<RunData> runs{made_up_run(power_laws())};
  const auto json = to_json(analyze_runs(runs));
  EXPECT_EQ(json["configurations"], 24);
  EXPECT_EQ(json["trials"], 72);
  const auto& ttft = json["metrics"][0];
  EXPECT_EQ(ttft["metric"], "ttft_ms");
  EXPECT_NEAR(ttft["scaling"][0]["exponent"].get<double>(), 1.2, 1e-3);
  EXPECT_GT(ttft["correlation"]["context"].get<double>(), 0.8);
  EXPECT_EQ(json["metrics"][1]["threads"].size(), 2U);
  // Peak memory is the same everywhere, so there is no variance
  EXPECT_TRUE(json["metrics"][4]["variance"].is_null());
}

TEST(Analysis, TableFitsAHundredColumns) {
  MadeUpSweep sweep = power_laws();
  sweep.contenders[0].name = std::string(70, 'x');
  const std::vector<RunData> runs{made_up_run(sweep)};
  std::istringstream lines(analysis_table(analyze_runs(runs)));
  for (std::string line; std::getline(lines, line);) EXPECT_LE(line.size(), 100U) << line;
}

// Ranks minus their means: -2, -1/2, -1/2, 1, 2 and -1, -2, 0, 2, 1.
TEST(RankCorrelation, IsPearsonsOfTheRanksAndNeedsVariation) {
  const std::vector<double> x{1, 2, 2, 4, 5};
  EXPECT_NEAR(rank_correlation(x, std::vector<double>{2, 1, 3, 5, 4}).value(), 7 / std::sqrt(95), 1e-12);
  EXPECT_NEAR(rank_correlation(x, std::vector<double>{10, 20, 20, 40, 1000}).value(), 1, 1e-12);
  EXPECT_FALSE(rank_correlation(x, std::vector<double>(5, 3.0)));
  EXPECT_FALSE(rank_correlation(std::vector<double>{1, 2}, std::vector<double>{1, 2}));
  EXPECT_THROW(rank_correlation(x, std::vector<double>{1}), std::invalid_argument);
}

// A model that another run keeps in another place is one level of the axis. New weights in the old place are a second
// level.
TEST(Analysis, TakesModelsForWhatTheyHold) {
  const auto levels = [](const std::vector<RunData>& runs) {
    std::set<std::string> models;
    for (const MeasuredConfiguration& configuration : measured_configurations(runs)) {
      models.insert(axis_value(configuration, "model"));
    }
    return models;
  };
  const RunData first = made_up_run(power_laws());
  RunData second = first;
  for (Point& point : second.info.points) point.model = "/elsewhere/gpt2";
  for (TrialRecord& trial : second.trials) trial.point.model = "/elsewhere/gpt2";
  second.info.models[0].reference = "/elsewhere/gpt2";
  EXPECT_EQ(levels({first, second}).size(), 1U);
  second = first;
  second.info.models[0].sha256 = "dd";
  EXPECT_THAT(levels({first, second}), testing::ElementsAre("synthetic:gpt2", "synthetic:gpt2 (SHA-256 dd)"));
}

}  // namespace
}  // namespace inferbench
