// SPDX-License-Identifier: Apache-2.0
// Learning from synthetic runs that follow a known law.
#include <gmock/gmock.h>

#include <nlohmann/json.hpp>

#include "predict/configuration_query.hpp"
#include "predict/predictor.hpp"
#include "predict/predictor_text.hpp"
#include "support/error.hpp"
#include "unit/predict_fixture.hpp"

namespace inferbench {
namespace {

using test::MadeUpSweep;
using test::physical_run;
using test::physical_sweep;
using testing::HasSubstr;

/// Fitted once, because every test only reads it. Never destroyed: its trees may not outlive the static objects of the
/// XGBoost library.
const Predictor& sweep_predictor() {
  static const Predictor* const kPredictor = [] {
    const std::vector<RunData> runs{physical_run(physical_sweep())};
    return new Predictor(fit_predictor(runs, {60, std::nullopt}));
  }();
  return *kPredictor;
}

/// Several runs of the sweep, each at another speed of the machine: all times of run i are factors[i] times the law's.
std::vector<RunData> repeated_runs(const std::vector<double>& factors) {
  std::vector<RunData> runs;
  for (const double factor : factors) {
    MadeUpSweep sweep = physical_sweep();
    sweep.seed = runs.size() + 1;
    const auto law = sweep.law;
    sweep.law = [law, factor](const Contender& contender, const ModelConfig& shape, const Point& point) {
      test::MadeUpTimes times = law(contender, shape, point);
      times.decode_ms *= factor;
      times.ttft_ms *= factor;
      return times;
    };
    runs.push_back(physical_run(sweep));
  }
  return runs;
}

/// Fitted once, to two runs on a machine whose speed does not change.
const Predictor& repeated_predictor() {
  static const Predictor* const kPredictor = new Predictor(fit_predictor(repeated_runs({1, 1}), {60, std::nullopt}));
  return *kPredictor;
}

AskedConfiguration ask(const std::string& contender, const std::string& model, std::int32_t prompt,
                       std::int32_t batch) {
  return {contender, model, {Model::open(model).config(), prompt, 8, batch, 2}};
}

double truth(const AskedConfiguration& asked) {
  const Contender contender{asked.contender, "", asked.contender == "quant" ? "int8" : "fp32", {}};
  const Workload& load = asked.workload;
  const Point point{asked.model, load.prompt_tokens, load.generate_tokens, load.batch, load.threads};
  return physical_sweep().law(contender, load.shape, point).decode_ms;
}

TEST(Predictor, RecoversTheLawFromNoisyTrials) {
  const auto& names = physical_term_names(test::kDecode);
  for (const char* contender : {"reference", "quant"}) {
    const auto& found = sweep_predictor().targets.at(test::kDecode).model.physical.coefficients.at(contender);
    for (std::size_t i = 0; i < names.size(); ++i) {
      if (names[i] == "weights over bandwidth") {
        EXPECT_NEAR(found[i], test::kSecondsPerGigabyte, 0.02) << contender;
      } else if (names[i] == "products over peak") {
        EXPECT_NEAR(found[i], test::kSecondsPerGigaop, 0.002) << contender;
      }
    }
  }
}

TEST(Predictor, DisturbedConfigurationsDoNotBendTheLaw) {
  RunData run = physical_run(physical_sweep());
  for (std::size_t i = 0; i < run.trials.size(); ++i) {
    if (i / 6 % 10 == 0) *run.trials[i].outcome.metrics->decode_ms_per_token *= 3;  // every trial of one point in ten
  }
  const std::vector<RunData> runs{run};
  const std::vector<const MachineLimits*> no_limits{nullptr};
  const TrainingSet set = collect_samples(runs, no_limits);
  std::vector<const Sample*> samples;
  for (const Sample& sample : set.samples) samples.push_back(&sample);
  const TargetModel fitted = fit_target(test::kDecode, Method::kPhysical, samples);
  for (const std::int32_t prompt : {64, 256}) {
    for (const std::int32_t batch : {1, 3, 8}) {
      const AskedConfiguration asked = ask("quant", "synthetic:gpt2-medium", prompt, batch);
      const Setting setting = setting_of("quant", set.contenders.at("quant"), nullptr);
      const double value = fitted.predict(setting, asked.workload);
      EXPECT_NEAR(value / truth(asked), 1, 0.1) << prompt << " " << batch;
    }
  }
}

TEST(Predictor, PredictsLeftOutModelsPromptsAndBatches) {
  const TargetPredictor& decode = sweep_predictor().targets.at(test::kDecode);
  EXPECT_NE(decode.model.method, Method::kTrees);
  ASSERT_EQ(decode.validation.size(), 3U);
  const MethodValidation& physical = decode.validation.front();
  for (const char* scheme : {"model", "prompt_tokens", "batch", "third"}) {
    ASSERT_TRUE(physical.by_scheme.contains(scheme)) << scheme;
    EXPECT_EQ(physical.by_scheme.at(scheme).n, 72U);  // every configuration is left out once
    EXPECT_LT(physical.by_scheme.at(scheme).mape, 0.05) << scheme;
    EXPECT_GT(physical.by_scheme.at(scheme).r2.value(), 0.97) << scheme;
    EXPECT_GT(physical.interactive.at(scheme).accuracy, 0.9) << scheme;
    EXPECT_GT(physical.interactive.at(scheme).roc_auc.value(), 0.97) << scheme;
  }
  // Trees can only repeat what they have seen, so they fail for a model size that was left out.
  const MethodValidation& trees = decode.validation.back();
  EXPECT_EQ(trees.method, Method::kTrees);
  EXPECT_GT(trees.by_scheme.at("model").mape, 3 * physical.by_scheme.at("model").mape);
  EXPECT_FALSE(sweep_predictor().targets.at("ttft_ms").validation.front().interactive.contains("model"));
}

TEST(Predictor, TreesWinWhereTheTermsHaveNoWordForIt) {
  MadeUpSweep sweep = physical_sweep();
  const auto law = sweep.law;
  sweep.law = [law](const Contender& contender, const ModelConfig& shape, const Point& point) {
    test::MadeUpTimes times = law(contender, shape, point);
    if (point.prompt_tokens <= 128) times.decode_ms *= 3;  // no sum of increasing terms falls with the prompt
    return times;
  };
  const std::vector<RunData> runs{physical_run(sweep)};
  const Predictor fitted = fit_predictor(runs);
  EXPECT_NE(fitted.targets.at(test::kDecode).model.method, Method::kPhysical);
  EXPECT_NE(fitted.targets.at("ttft_ms").model.method, Method::kTrees);
}

TEST(Predictor, IntervalsHoldForNewConfigurations) {
  std::size_t covered = 0;
  std::size_t n = 0;
  for (const char* model : {"synthetic:gpt2", "synthetic:gpt2-medium", "synthetic:gpt2-large"}) {
    for (const std::int32_t prompt : {48, 96, 200, 300, 400}) {
      for (const std::int32_t batch : {3, 5, 6, 7}) {
        const AskedConfiguration asked = ask("quant", model, prompt, batch);
        const Prediction decode = predict_configuration(repeated_predictor(), asked).targets.at(test::kDecode);
        ASSERT_TRUE(decode.interval);
        EXPECT_LT(decode.interval->high / decode.interval->low, 1.2);
        if (decode.interval->low <= truth(asked) && truth(asked) <= decode.interval->high) ++covered;
        ++n;
      }
    }
  }
  EXPECT_GE(static_cast<double>(covered) / static_cast<double>(n), 0.9);
}

TEST(Predictor, BeyondTheMeasuredTheIntervalIsThatOfTheExtremes) {
  const auto inside = predict_configuration(sweep_predictor(), ask("quant", "synthetic:gpt2", 64, 8));
  const auto outside = predict_configuration(sweep_predictor(), ask("quant", "synthetic:gpt2-xl", 64, 8));
  EXPECT_TRUE(inside.beyond.empty());
  ASSERT_EQ(outside.beyond.size(), 1U);
  EXPECT_EQ(outside.beyond[0].axis, "model_size");
  EXPECT_FALSE(outside.beyond[0].too_far);
  EXPECT_NEAR(outside.targets.at(test::kDecode).value / truth(outside.asked), 1, 0.1);
  const auto far = predict_configuration(sweep_predictor(), ask("quant", "synthetic:gpt2", 64, 100));
  EXPECT_TRUE(far.beyond.at(0).too_far);
  EXPECT_THROW(predict_configuration(sweep_predictor(), ask("other", "synthetic:gpt2", 64, 8)), Error);
}

TEST(Predictor, SaysHowLikelyTheThresholdIsMet) {
  const auto fast = predict_configuration(sweep_predictor(), ask("quant", "synthetic:gpt2", 64, 1));
  const auto slow = predict_configuration(sweep_predictor(), ask("reference", "synthetic:gpt2-large", 64, 8));
  EXPECT_GT(fast.meets_threshold.value(), 0.95);
  EXPECT_LT(slow.meets_threshold.value(), 0.05);
}

TEST(Predictor, AThresholdFarAwayIsMetForSureAndNotSurerBeyondTheMeasured) {
  Predictor predictor = repeated_predictor();
  predictor.threshold_ms = 1e5;
  const auto inside = predict_configuration(predictor, ask("quant", "synthetic:gpt2", 64, 1));
  EXPECT_GT(inside.meets_threshold.value(), 0.999);
  // At the upper end of the 90% interval, the probability is 95%.
  predictor.threshold_ms = inside.targets.at(test::kDecode).interval->high;
  EXPECT_NEAR(predict_configuration(predictor, inside.asked).meets_threshold.value(), 0.95, 1e-9);
  // The same relative distance from the threshold, but outside the measured range.
  const auto outside = predict_configuration(predictor, ask("quant", "synthetic:gpt2-xl", 64, 1));
  ASSERT_FALSE(outside.beyond.empty());
  const double away = predictor.threshold_ms / inside.targets.at(test::kDecode).value;
  predictor.threshold_ms = away * outside.targets.at(test::kDecode).value;
  EXPECT_LE(predict_configuration(predictor, outside.asked).meets_threshold.value(), 0.95 + 1e-9);
}

TEST(Predictor, IntervalsHoldTheDriftFromRunToRun) {
  const std::vector<double> speeds{0.8, 1.1, 1.25, 0.95};
  const Predictor drifting = fit_predictor(repeated_runs(speeds), {60, std::nullopt});
  EXPECT_EQ(drifting.targets.at(test::kDecode).assumed_drift, 0);
  EXPECT_THAT(drifting.warnings, testing::IsEmpty());
  std::size_t covered = 0;
  std::size_t n = 0;
  for (const double speed : {0.85, 1.0, 1.2}) {  // speeds of future runs
    for (const std::int32_t prompt : {48, 96, 200, 300}) {
      const AskedConfiguration asked = ask("quant", "synthetic:gpt2-medium", prompt, 3);
      const Prediction decode = predict_configuration(drifting, asked).targets.at(test::kDecode);
      if (decode.interval->low <= speed * truth(asked) && speed * truth(asked) <= decode.interval->high) ++covered;
      ++n;
    }
  }
  EXPECT_EQ(covered, n);
}

TEST(Predictor, OneRunKnowsNothingOfDriftAndSaysSo) {
  const TargetPredictor& alone = sweep_predictor().targets.at(test::kDecode);
  const TargetPredictor& repeated = repeated_predictor().targets.at(test::kDecode);
  EXPECT_GT(alone.assumed_drift, 0);
  EXPECT_GT(interval_half_width(alone, false).value(), interval_half_width(repeated, false).value() + 0.2);
  EXPECT_THAT(sweep_predictor().warnings, testing::Contains(HasSubstr("no run repeats another")));
  const std::vector<ConfigurationPrediction> one{
      predict_configuration(sweep_predictor(), ask("quant", "synthetic:gpt2", 64, 1))};
  EXPECT_THAT(predictions_text(sweep_predictor(), one, std::nullopt), HasSubstr("the intervals assume a drift of 20%"));
  EXPECT_THAT(predictions_text(repeated_predictor(), one, std::nullopt), testing::Not(HasSubstr("drift")));
}

TEST(Predictor, NamesAreShownWhole) {
  Predictor predictor = repeated_predictor();
  const std::string name = "a_contender_with_a_name_of_forty_letters";
  const std::string model = "/home/somebody/models/of/several/kinds/and/sizes/of/transformers/gpt2-medium";
  ConfigurationPrediction one = predict_configuration(predictor, ask("quant", "synthetic:gpt2", 64, 1));
  one.asked.contender = name;
  one.asked.model = model;
  const std::string text = predictions_text(predictor, std::vector{one}, std::nullopt);
  EXPECT_THAT(text, HasSubstr(name));
  EXPECT_THAT(text, HasSubstr(model));
}

TEST(Predictor, SurvivesItsFile) {
  for (const Method method : kMethods) {
    Predictor before = sweep_predictor();
    const std::vector<RunData> runs{physical_run(physical_sweep())};
    const std::vector<const MachineLimits*> no_limits{nullptr};
    const TrainingSet set = collect_samples(runs, no_limits);
    std::vector<const Sample*> samples;
    for (const Sample& sample : set.samples) samples.push_back(&sample);
    before.targets.at(test::kDecode).model = fit_target(test::kDecode, method, samples);
    const auto json = nlohmann::ordered_json::parse(to_json(before).dump());
    const Predictor after = predictor_from_json(json);
    EXPECT_EQ(to_json(after).dump(), to_json(before).dump());
    const AskedConfiguration asked = ask("quant", "synthetic:gpt2-medium", 100, 3);
    EXPECT_EQ(predict_configuration(after, asked).targets.at(test::kDecode).value,
              predict_configuration(before, asked).targets.at(test::kDecode).value)
        << to_string(method);
  }
  EXPECT_THROW(predictor_from_json(nlohmann::ordered_json::parse("{}")), Error);
  EXPECT_THROW(predictor_from_json(nlohmann::ordered_json::parse(R"({"format": "other"})")), Error);
}

TEST(Predictor, IsTheSameTwice) {
  const std::vector<RunData> runs{physical_run(physical_sweep())};
  EXPECT_EQ(to_json(fit_predictor(runs, {60, std::nullopt})).dump(), to_json(sweep_predictor()).dump());
}

TEST(Predictor, LearnsFromOneConfigurationButPromisesNothing) {
  MadeUpSweep sweep = physical_sweep();
  sweep.contenders.resize(1);
  sweep.models.resize(1);
  sweep.prompts = {32};
  sweep.batches = {1};
  const std::vector<RunData> runs{physical_run(sweep)};
  const Predictor one = fit_predictor(runs);
  const auto same = predict_configuration(one, ask("reference", "synthetic:gpt2", 32, 1));
  EXPECT_FALSE(same.targets.at(test::kDecode).interval);
  EXPECT_NEAR(same.targets.at(test::kDecode).value / truth(same.asked), 1, 0.1);
  EXPECT_TRUE(predict_configuration(one, ask("reference", "synthetic:gpt2", 33, 1)).beyond.at(0).too_far);
  EXPECT_THAT(validation_text(one), HasSubstr("errors are unknown"));
}

TEST(ConfigurationQuery, MultipliesOutAndTakesMeasuredValuesForTheRest) {
  EXPECT_EQ(asked_configurations(sweep_predictor(), {}).size(), 72U);
  const auto some =
      asked_configurations(sweep_predictor(), parse_point("contender=quant,prompt_tokens=[64,100],batch=3"));
  ASSERT_EQ(some.size(), 6U);  // the candidates of three models
  EXPECT_EQ(some[0].workload.threads, 2);
  EXPECT_EQ(some[0].workload.generate_tokens, 8);
  const auto shape =
      asked_configurations(sweep_predictor(), parse_point("layers=24,width=1024,prompt_tokens=64,batch=1"));
  const ModelConfig medium = Model::open("synthetic:gpt2-medium").config();
  EXPECT_EQ(shape[0].workload.shape.n_heads, medium.n_heads);
  EXPECT_EQ(model_weights(shape[0].workload.shape), model_weights(medium));
  EXPECT_THROW(asked_configurations(sweep_predictor(), parse_point("model=./nowhere")), Error);
}

TEST(ConfigurationQuery, JudgesByTheWholeInterval) {
  const auto prediction = predict_configuration(sweep_predictor(), ask("quant", "synthetic:gpt2", 64, 1));
  const Interval decode = prediction.targets.at(test::kDecode).interval.value();
  const Interval load = prediction.targets.at("load_peak_rss_bytes").interval.value();
  EXPECT_EQ(judge(prediction, {std::nullopt, decode.high * 1.01}), Fit::kYes);
  EXPECT_EQ(judge(prediction, {std::nullopt, decode.low * 0.99}), Fit::kNo);
  EXPECT_EQ(judge(prediction, {std::nullopt, prediction.targets.at(test::kDecode).value}), Fit::kUnclear);
  EXPECT_EQ(judge(prediction, {load.high * 1.01, std::nullopt}), Fit::kYes);
  EXPECT_EQ(judge(prediction, {load.low * 0.99, decode.high * 1.01}), Fit::kNo);  // loading needs more than running
}

TEST(PredictorText, FitsAHundredColumns) {
  std::vector<ConfigurationPrediction> predictions;
  for (const auto& asked : asked_configurations(sweep_predictor(), {})) {
    predictions.push_back(predict_configuration(sweep_predictor(), asked));
  }
  const std::string text = validation_text(sweep_predictor()) + explanation_text(sweep_predictor(), std::nullopt) +
                           explanation_text(sweep_predictor(), predictions[0].asked) +
                           predictions_text(sweep_predictor(), predictions, Requirements{1e9, 50});
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) EXPECT_LE(line.size(), 100U) << line;
  EXPECT_THAT(text, HasSubstr("do not fit"));
}

}  // namespace
}  // namespace inferbench
