// SPDX-License-Identifier: Apache-2.0
// Accuracy of the prediction of real trials that were left out. tests/data/predict/ contains the results of
// configs/predict_sweep.yaml, one trial per line, and the limits, from virtual machines with two cores of an AMD EPYC.
// One has AVX-512: four passes over forty-five minutes, without the six largest configurations. The other has only
// AVX2: one pass over all. At times their memory was nearly twice as fast as at others, which no law predicts.
#include <gmock/gmock.h>

#include <fstream>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <sstream>
#include <string>
#include <utility>

#include "predict/held_out.hpp"
#include "predict/predictor.hpp"
#include "support/test_paths.hpp"
#include "unit/predict_fixture.hpp"

namespace inferbench {
namespace {

struct Recording {
  std::string name;
  std::size_t configurations;
};

const Recording kAvx512{"two_core_epyc", 102};
const Recording kAvx2{"two_core_epyc_avx2", 108};

std::filesystem::path data(const std::string& name) {
  return std::filesystem::path(test_paths::kData) / "predict" / name;
}

using Row = std::map<std::string, std::string>;

std::vector<Row> read_rows(const Recording& recording) {
  std::ifstream file(data(recording.name + ".csv"));
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
  rows.erase(rows.begin());  // the column names
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

/// All trials as one run; with `pass`, only the trials of that pass.
RunData recorded_run(const Recording& recording, const std::string& pass = "") {
  RunData run{test::sample_info(), {}};
  run.info.models.clear();
  run.info.contenders.clear();
  for (const char* reference : {"synthetic:gpt2", "synthetic:gpt2-medium", "synthetic:gpt2-large"}) {
    const Model model = Model::open(reference);
    run.info.models.push_back({reference, model.name(), "cc", model.n_parameters(), model.config()});
  }
  for (const Row& row : read_rows(recording)) {
    if (pass.empty() || row.at("run") == pass) run.trials.push_back(trial_of(row));
  }
  return run;
}

MachineLimits recorded_limits(const Recording& recording) {
  std::ifstream file(data(recording.name + ".machine.json"));
  return machine_limits_from_json(nlohmann::ordered_json::parse(file));
}

const Predictor& recorded_predictor(const Recording& recording, bool with_limits) {
  // Never destroyed: their trees may not outlive the static objects of the XGBoost library.
  static auto* const kFitted = new std::map<std::pair<std::string, bool>, Predictor>;
  const std::pair key(recording.name, with_limits);
  const auto found = kFitted->find(key);
  if (found != kFitted->end()) return found->second;
  const std::vector<RunData> runs{recorded_run(recording)};
  const auto limits = with_limits ? std::optional(recorded_limits(recording)) : std::nullopt;
  return kFitted->emplace(key, fit_predictor(runs, {200, limits})).first->second;
}

const MethodValidation& chosen(const TargetPredictor& target) {
  return *std::find_if(target.validation.begin(), target.validation.end(),
                       [&](const auto& validation) { return validation.method == target.model.method; });
}

// The promise: from two thirds of the points of a sweep over model size, prompt, batch and precision, the decode time
// of the others is predicted within 15% (mean absolute percentage error).
TEST(PredictAccuracy, TwoThirdsOfASweepPredictTheDecodeTimeOfTheRest) {
  for (const Recording& recording : {kAvx512, kAvx2}) {
    EXPECT_EQ(recorded_predictor(recording, true).configurations, recording.configurations);
    for (const bool limits : {true, false}) {
      SCOPED_TRACE(recording.name + (limits ? " with limits" : " without limits"));
      const TargetPredictor& decode = recorded_predictor(recording, limits).targets.at(test::kDecode);
      EXPECT_EQ(chosen(decode).by_scheme.at("third").n, recording.configurations);
      EXPECT_LE(chosen(decode).by_scheme.at("third").mape, 0.15);
      EXPECT_GE(chosen(decode).by_scheme.at("third").r2.value(), 0.8);
    }
  }
}

TEST(PredictAccuracy, OtherTargetsAreNearToo) {
  for (const Recording& recording : {kAvx512, kAvx2}) {
    SCOPED_TRACE(recording.name);
    const auto& targets = recorded_predictor(recording, true).targets;
    EXPECT_LE(chosen(targets.at("ttft_ms")).by_scheme.at("third").mape, 0.15);
    EXPECT_LE(chosen(targets.at("peak_rss_bytes")).by_scheme.at("third").mape, 0.05);
    EXPECT_LE(chosen(targets.at("load_peak_rss_bytes")).by_scheme.at("third").mape, 0.05);
  }
}

// A complete model size or prompt length is left out, so this is extrapolation. It uses four passes, because the speed
// changes of the machine affect a single pass too much for a bound on R2.
TEST(PredictAccuracy, LeftOutSizesAreWorseButInTheRightPlace) {
  const MethodValidation& decode = chosen(recorded_predictor(kAvx512, true).targets.at(test::kDecode));
  for (const char* scheme : {"model", "prompt_tokens", "batch"}) {
    EXPECT_LE(decode.by_scheme.at(scheme).mape, 0.2) << scheme;
    EXPECT_GE(decode.by_scheme.at(scheme).r2.value(), 0.75) << scheme;
  }
}

// Intervals learned from three passes hold for the configurations of a fourth, measured at another time. (The pass of
// 24 configurations is not used as a test, only for learning.)
TEST(PredictAccuracy, IntervalsHoldInAnotherRun) {
  const std::vector<std::string> passes{"0", "1", "2", "3"};
  const MachineLimits limits = recorded_limits(kAvx512);
  std::size_t covered = 0;
  std::size_t n = 0;
  for (const std::string pass : {"0", "1", "3"}) {
    std::vector<RunData> others;
    for (const std::string& other : passes) {
      if (other != pass) others.push_back(recorded_run(kAvx512, other));
    }
    const Predictor predictor = fit_predictor(others, {200, limits});
    EXPECT_EQ(predictor.targets.at(test::kDecode).assumed_drift, 0);
    const std::vector<RunData> fourth{recorded_run(kAvx512, pass)};
    const std::vector<const MachineLimits*> same{&limits};
    for (const Sample& sample : collect_samples(fourth, same).samples) {
      const auto asked = predict_configuration(predictor, {sample.setting.contender, sample.model, sample.workload});
      const Prediction& decode = asked.targets.at(test::kDecode);
      const double measured = sample.measured.at(test::kDecode);
      if (decode.interval->low <= measured && measured <= decode.interval->high) ++covered;
      ++n;
    }
  }
  EXPECT_GT(n, 200U);
  EXPECT_GE(static_cast<double>(covered) / static_cast<double>(n), 0.87);
}

TEST(PredictAccuracy, TreesAloneCannotReachALeftOutModelSize) {
  const auto& validation = recorded_predictor(kAvx512, true).targets.at(test::kDecode).validation;
  EXPECT_GT(validation.back().by_scheme.at("model").mape, 2 * validation.front().by_scheme.at("model").mape);
}

}  // namespace
}  // namespace inferbench
