// SPDX-License-Identifier: Apache-2.0
// Learning from runs on several machines, which are identified by the limits in their run.json.
#include <fmt/format.h>
#include <gmock/gmock.h>

#include <nlohmann/json.hpp>
#include <sstream>
#include <utility>

#include "predict/predictor.hpp"
#include "predict/predictor_text.hpp"
#include "predict/target_model.hpp"
#include "support/error.hpp"
#include "unit/predict_fixture.hpp"

namespace inferbench {
namespace {

using test::MadeUpSweep;
using test::physical_run;
using test::physical_sweep;
using testing::AllOf;
using testing::Contains;
using testing::ContainsRegex;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Key;

/// A machine that reads and computes `speed` times as fast as that of physical_sweep.
MachineLimits limits_of(double speed) {
  MachineLimits limits;
  const double bandwidth = speed * 1e9 / test::kSecondsPerGigabyte;
  const double peak = speed * 1e9 / test::kSecondsPerGigaop;
  limits.by_threads = {{2, {{512U << 20U, {bandwidth, bandwidth, ""}}}, {peak, peak, ""}, {peak, peak, ""}}};
  return limits;
}

MadeUpSweep sweep_on(double speed) {
  MadeUpSweep sweep = physical_sweep();
  sweep.prompts = {32, 512};
  sweep.seed = static_cast<std::uint64_t>(speed);
  const auto law = sweep.law;
  sweep.law = [law, speed](const Contender& contender, const ModelConfig& shape, const Point& point) {
    test::MadeUpTimes times = law(contender, shape, point);
    const double steps = test::kCallMs + test::kLayerMs * shape.n_layers;
    times.decode_ms = steps + (times.decode_ms - steps) / speed;
    times.ttft_ms = steps + (times.ttft_ms - steps) / speed;
    return times;
  };
  return sweep;
}

RunData run_on(double speed, const std::string& machine) {
  RunData run = physical_run(sweep_on(speed));
  run.info.machine = limits_of(speed);
  run.info.environment = fmt::format(R"({{"cpu":{{"model":"{}"}}}})", machine);
  return run;
}

/// Fitted to two machines, one twice as fast as the other. Never destroyed: its trees may not outlive the static
/// objects of the XGBoost library.
const Predictor& two_machines_predictor() {
  static const Predictor* const kPredictor = [] {
    const std::vector<RunData> runs{run_on(1, "slow"), run_on(2, "fast")};
    return new Predictor(fit_predictor(runs));
  }();
  return *kPredictor;
}

AskedConfiguration ask_on(std::optional<MachineLimits> limits) {
  return {"quant",
          "synthetic:gpt2-medium",
          {Model::open("synthetic:gpt2-medium").config(), 128, 8, 4, 2},
          std::move(limits)};
}

double true_time(double speed) {
  const AskedConfiguration asked = ask_on(std::nullopt);
  const Contender quant{"quant", "", "int8", {}};
  return sweep_on(speed).law(quant, asked.workload.shape, {asked.model, 128, 8, 4, 2}).decode_ms;
}

TEST(PredictMachines, EachHasItsOwnLimitsFromItsRun) {
  ASSERT_THAT(two_machines_predictor().machines, testing::SizeIs(2));
  EXPECT_EQ(two_machines_predictor().machines.at("slow"), limits_of(1));
  EXPECT_EQ(two_machines_predictor().machines.at("fast"), limits_of(2));
  EXPECT_EQ(two_machines_predictor().configurations, 2U * 48U);
  // One run per machine is the only reason for a warning.
  EXPECT_THAT(two_machines_predictor().warnings, testing::ElementsAre(testing::HasSubstr("no run repeats another")));
}

TEST(PredictMachines, OneLawServesThemAllAndOneMore) {
  for (const double speed : {1.0, 2.0, 3.0}) {
    const auto prediction = predict_configuration(two_machines_predictor(), ask_on(limits_of(speed)));
    EXPECT_NEAR(prediction.targets.at(test::kDecode).value / true_time(speed), 1, 0.1) << speed;
  }
  const MethodValidation& physical = two_machines_predictor().targets.at(test::kDecode).validation.front();
  ASSERT_THAT(physical.by_scheme, Contains(Key("machine")));
  EXPECT_EQ(physical.by_scheme.at("machine").n, 2U * 48U);
  EXPECT_LT(physical.by_scheme.at("machine").mape, 0.1);
}

/// As run_on, but "quant" computes on a device. The CPUs' limits say nothing about it: they are those of speed 1.
RunData run_with_device(double speed) {
  RunData run = run_on(speed, fmt::format("machine {}", speed));
  DeviceLimits device;
  device.device = "cuda:0";
  device.read = run.info.machine->by_threads[0].read;
  device.bf16_flops_per_s = device.fp32_flops_per_s = device.int8_ops_per_s =
      run.info.machine->by_threads[0].int8_ops_per_s;
  run.info.machine = limits_of(1);
  run.info.machine->by_device = {device};
  for (TrialRecord& trial : run.trials) {
    if (trial.contender == "quant") trial.load.device = "cuda:0";
  }
  return run;
}

TEST(PredictMachines, ADeviceIsComparedWithItsOwnLimits) {
  std::vector<RunData> runs{run_with_device(1), run_with_device(3)};
  const std::vector<const MachineLimits*> limits{&*runs[0].info.machine, &*runs[1].info.machine};
  const TrainingSet set = collect_samples(runs, limits);
  EXPECT_EQ(set.contenders.at("quant").device, "cuda:0");
  EXPECT_EQ(set.contenders.at("reference").device, "");
  std::vector<const Sample*> samples;
  for (const Sample& sample : set.samples) samples.push_back(&sample);
  const TargetModel fitted = fit_target(test::kDecode, Method::kPhysical, samples);
  for (const std::size_t run : {0U, 1U}) {
    const Setting setting = setting_of("quant", set.contenders.at("quant"), limits[run]);
    EXPECT_NEAR(fitted.predict(setting, ask_on(std::nullopt).workload) / true_time(run == 0 ? 1 : 3), 1, 0.1);
  }
  runs[1].info.machine->by_device.clear();
  EXPECT_THROW(collect_samples(runs, limits), Error) << "limits of the device in only one of the runs";
}

TEST(PredictMachines, TheValidationShowsErrorsOnAMachineLeftOut) {
  const MethodValidation& physical = two_machines_predictor().targets.at(test::kDecode).validation.front();
  const std::string error = fmt::format("{:.1f}%", 100 * physical.by_scheme.at("machine").mape);
  EXPECT_THAT(validation_text(two_machines_predictor()),
              AllOf(ContainsRegex("left out: each.* machine "), HasSubstr(" " + error)));
}

TEST(PredictMachines, TheValidationOfAllSchemesFitsAHundredColumns) {
  const std::vector<std::string> schemes{"model",   "prompt_tokens", "generate_tokens", "batch", "threads",
                                         "machine", "third"};
  Predictor predictor;
  MethodValidation validation{Method::kPhysicalAndTrees, {}, {}, 0};
  for (const std::string& scheme : schemes) {
    validation.by_scheme[scheme] = {8, 1.234, -0.5};
    validation.interactive[scheme] = {4, 4, 1, 0.5};
  }
  TargetPredictor& target = predictor.targets[test::kDecode];
  target.validation = {validation};
  target.model.method = Method::kPhysicalAndTrees;
  const std::string text = validation_text(predictor);
  std::istringstream lines(text);
  std::size_t marked = 0;
  for (std::string line; std::getline(lines, line);) {
    EXPECT_LE(line.size(), 100U) << line;
    marked += line.starts_with("* physical and trees ") ? 1U : 0U;
  }
  EXPECT_EQ(marked, 4U);  // two tables, each in two parts
  for (const std::string& scheme : schemes) EXPECT_THAT(text, HasSubstr(" " + scheme));
}

TEST(PredictMachines, WhichOneMustBeSaid) {
  try {
    predict_configuration(two_machines_predictor(), ask_on(std::nullopt));
    FAIL();
  } catch (const Error& error) {
    EXPECT_THAT(error.what(), HasSubstr("2 machines"));
    EXPECT_THAT(error.cure(), HasSubstr("--machine 'fast' or 'slow'"));
  }
}

TEST(PredictMachines, SurviveTheFile) {
  const Predictor after = predictor_from_json(nlohmann::ordered_json::parse(to_json(two_machines_predictor()).dump()));
  EXPECT_EQ(after.machines, two_machines_predictor().machines);
}

/// One model, prompt and batch: fast, for tests that do not depend on accuracy.
RunData small_run(double speed, const std::string& machine) {
  RunData run = run_on(speed, machine);
  std::erase_if(run.trials, [](const TrialRecord& trial) {
    return trial.point.model != "synthetic:gpt2" || trial.point.prompt_tokens != 32;
  });
  return run;
}

TEST(PredictMachines, GivenLimitsTakeThePlaceOfTheRuns) {
  const std::vector<RunData> runs{small_run(1, "slow")};
  const Predictor own = fit_predictor(runs);
  const Predictor given = fit_predictor(runs, {200, limits_of(5)});
  EXPECT_EQ(own.machines.at("slow"), limits_of(1));
  EXPECT_EQ(given.machines.at("slow"), limits_of(5));
}

TEST(PredictMachines, LimitsOfSomeRunsOnlyAreRefused) {
  std::vector<RunData> runs{small_run(1, "slow"), small_run(2, "fast")};
  runs[1].info.machine.reset();
  EXPECT_THROW(fit_predictor(runs), Error);
  // On the same machine, the limits of one run also apply to the other.
  runs[1].info.environment = runs[0].info.environment;
  EXPECT_NO_THROW(fit_predictor(runs));
  // If no run has limits, all machines are treated as one, with a warning.
  runs[0].info.machine.reset();
  runs[1].info.environment = R"({"cpu":{"model":"other"}})";
  const Predictor one = fit_predictor(runs);
  EXPECT_THAT(one.warnings, ElementsAre(HasSubstr("2 machines without known limits")));
  EXPECT_THROW(predict_configuration(one, ask_on(limits_of(1))), Error);
}

}  // namespace
}  // namespace inferbench
