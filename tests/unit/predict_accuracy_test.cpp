// SPDX-License-Identifier: Apache-2.0
// How well real trials are predicted that were left out. tests/data/predict/ holds what configs/predict_sweep.yaml gave
// on a virtual machine with two cores of an AMD EPYC, in four passes over forty-five minutes: a line a trial, and the
// machine's limits. At times its memory was nearly twice as fast as at others: no law predicts that.
#include <gmock/gmock.h>

#include <fstream>
#include <map>
#include <nlohmann/json.hpp>
#include <sstream>

#include "predict/held_out.hpp"
#include "predict/predictor.hpp"
#include "support/test_paths.hpp"
#include "unit/sweep_fixture.hpp"

namespace inferbench {
namespace {

constexpr const char* kDecode = "decode_ms_per_token";

std::filesystem::path data(const char* name) {
  return std::filesystem::path(test_paths::kData) / "predict" / name;
}

using Row = std::map<std::string, std::string>;

std::vector<Row> read_rows() {
  std::ifstream file(data("two_core_epyc.csv"));
  std::vector<std::string> names;
  std::vector<Row> rows;
  for (std::string line; std::getline(file, line);) {
    std::istringstream cells(line);
    Row row;
    std::size_t column = 0;
    for (std::string cell; std::getline(cells, cell, ','); ++column) {
      if (rows.empty() && names.size() == column) names.push_back(cell);
      row[names.at(column)] = cell;
    }
    rows.push_back(std::move(row));
  }
  rows.erase(rows.begin());  // the names
  return rows;
}

TrialRecord trial_of(const Row& row) {
  const auto number = [&](const char* name) { return std::stod(row.at(name)); };
  const auto count = [&](const char* name) { return std::stoi(row.at(name)); };
  const Contender contender{row.at("contender"), row.at("backend"), row.at("precision"), {}};
  const Point point{row.at("model"), count("prompt_tokens"), count("generate_tokens"), count("batch"),
                    count("threads")};
  const test::MadeUpTimes times{number("ttft_ms"), number("decode_ms_per_token"), number("peak_rss_bytes"),
                                number("load_peak_rss_bytes")};
  TrialRecord trial = test::made_up_trial(contender, point, count("block"), times);
  trial.outcome.trials_since_load = count("trials_since_load");
  trial.load.decode_weights_bytes = std::stoull(row.at("decode_weights_bytes"));
  return trial;
}

/// All trials as one run.
RunData recorded_run() {
  RunData run{test::sample_info(), {}};
  run.info.models.clear();
  run.info.contenders.clear();
  for (const char* reference : {"synthetic:gpt2", "synthetic:gpt2-medium", "synthetic:gpt2-large"}) {
    const Model model = Model::open(reference);
    run.info.models.push_back({reference, model.name(), "cc", model.n_parameters(), model.config()});
  }
  for (const Row& row : read_rows()) run.trials.push_back(trial_of(row));
  return run;
}

MachineLimits recorded_limits() {
  std::ifstream file(data("two_core_epyc.machine.json"));
  return machine_limits_from_json(nlohmann::ordered_json::parse(file));
}

const Predictor& recorded_predictor(bool limits) {
  const auto fit = [](bool with) {
    const std::vector<RunData> runs{recorded_run()};
    return new Predictor(fit_predictor(runs, {200, with ? std::optional(recorded_limits()) : std::nullopt}));
  };
  // Never destroyed: their trees may not outlive the library's own statics.
  if (limits) {
    static const Predictor* const kWith = fit(true);
    return *kWith;
  }
  static const Predictor* const kWithout = fit(false);
  return *kWithout;
}

const MethodValidation& chosen(const TargetPredictor& target) {
  return *std::find_if(target.validation.begin(), target.validation.end(),
                       [&](const auto& validation) { return validation.method == target.model.method; });
}

// The promise: of a sweep over model size, prompt, batch and precision, two thirds of the points predict the decode
// time of the others within 15%, by mean absolute percentage error.
TEST(PredictAccuracy, TwoThirdsOfASweepPredictTheDecodeTimeOfTheRest) {
  constexpr std::size_t kConfigurations = 102;  // of 108: the largest six were not measured
  EXPECT_EQ(recorded_predictor(true).configurations, kConfigurations);
  for (const bool limits : {true, false}) {
    const TargetPredictor& decode = recorded_predictor(limits).targets.at(kDecode);
    EXPECT_EQ(chosen(decode).by_scheme.at("third").n, kConfigurations);
    EXPECT_LE(chosen(decode).by_scheme.at("third").mape, 0.15) << "with limits: " << limits;
    EXPECT_GE(chosen(decode).by_scheme.at("third").r2.value(), 0.8) << "with limits: " << limits;
  }
}

TEST(PredictAccuracy, OtherTargetsAreNearToo) {
  const auto& targets = recorded_predictor(true).targets;
  EXPECT_LE(chosen(targets.at("ttft_ms")).by_scheme.at("third").mape, 0.15);
  EXPECT_LE(chosen(targets.at("peak_rss_bytes")).by_scheme.at("third").mape, 0.05);
  EXPECT_LE(chosen(targets.at("load_peak_rss_bytes")).by_scheme.at("third").mape, 0.05);
}

// A model size or a prompt length left out wholly: extrapolation.
TEST(PredictAccuracy, LeftOutSizesAreWorseButInTheRightPlace) {
  const MethodValidation& decode = chosen(recorded_predictor(true).targets.at(kDecode));
  for (const char* scheme : {"model", "prompt_tokens", "batch"}) {
    EXPECT_LE(decode.by_scheme.at(scheme).mape, 0.2) << scheme;
    EXPECT_GE(decode.by_scheme.at(scheme).r2.value(), 0.75) << scheme;
  }
}

TEST(PredictAccuracy, TreesAloneCannotReachALeftOutModelSize) {
  const auto& validation = recorded_predictor(true).targets.at(kDecode).validation;
  EXPECT_GT(validation.back().by_scheme.at("model").mape, 2 * validation.front().by_scheme.at("model").mape);
}

}  // namespace
}  // namespace inferbench
