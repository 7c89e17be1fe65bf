// SPDX-License-Identifier: Apache-2.0
// Runs with a contender on a GPU, which a backend and a library of the driver stand in for.
#include <cstdlib>
#include <fstream>
#include <nlohmann/json.hpp>
#include <set>

#include "e2e/run_fixture.hpp"
#include "support/fake_nvml.hpp"
#include "support/files.hpp"

namespace inferbench {
namespace {

using test::FakeNvml;
using testing::ContainsRegex;
using testing::HasSubstr;
using testing::Not;

class RunDevice : public test::RunTest {
 protected:
  RunDevice() { setenv("INFERBENCH_INNER_BACKEND", (std::string(test_paths::kPlugins) + "/libcpu_ref.so").c_str(), 1); }

  std::vector<std::string> run_of(const std::string& experiment, const std::vector<std::string>& more) const {
    std::vector<std::string> arguments{
        "run", experiment, "--out", (folder() / "results").string(), "--powercap", (folder() / "powercap").string()};
    arguments.insert(arguments.end(), more.begin(), more.end());
    return arguments;
  }
};

const std::string kReferenceAndDevice = "  - {plugin: cpu_ref, name: reference}\n  - {plugin: '" INFERBENCH_FAULTY_DIR
                                        "/libdevice.so', name: card, device: 'cuda:1'}";

TEST_F(RunDevice, IsMeasuredOnceForAllThreadCountsWithItsEnergyAndWhatDisturbedIt) {
  const FakeNvml nvml(folder() / "nvml", {{"count", "2"},
                                          {"used_bytes", "4096"},
                                          {"sm_mhz", "1900"},
                                          {"temperature_c", "50"},
                                          {"reasons", "4"},
                                          {"power_mw", "250000"},
                                          {"other_percent", "25"}});
  const std::string experiment =
      write_experiment(kReferenceAndDevice, "measure: {blocks: 1, warmup: 0, repeat_disturbed: 0}");
  const ProgramResult result = run_program(run_of(
      experiment, {"--nvml", nvml.library(), "--set", "sweep.threads=doubling", "--set", "sweep.prompt_tokens=4"}));
  ASSERT_EQ(result.exit_code, 0) << result.err;
  const RunData run = read_run(only_run_folder());
  EXPECT_EQ(expect_each_id_once(run), run.info.points.size() + 1);
  EXPECT_EQ(run.info.contenders[1].device, "cuda:1");
  const auto environment = nlohmann::json::parse(run.info.environment);
  EXPECT_EQ(environment.at("devices").at("cuda:1").at("name"), "Card 1");
  EXPECT_FALSE(environment.at("devices").contains("cuda:0"));
  ASSERT_EQ(run.info.idle_power.size(), 2U);
  EXPECT_THAT(run.info.idle_power[0].unknown, HasSubstr("no processor package"));
  EXPECT_NEAR(run.info.idle_power[1].watts.value_or(0), 250, 5);

  std::set<std::int32_t> threads;
  for (const Point& point : run.info.points) threads.insert(point.threads);
  for (const TrialRecord& trial : run.trials) {
    ASSERT_TRUE(trial.ok()) << trial.outcome.error;
    if (trial.contender == "reference") {
      EXPECT_FALSE(trial.outcome.device_use);
      EXPECT_THAT(trial.outcome.energy_unknown, HasSubstr("no processor package"));
      continue;
    }
    EXPECT_EQ(trial.point.threads, *threads.rbegin());
    EXPECT_EQ(trial.load.device, "cuda:1");
    EXPECT_EQ(trial.same_output, true);
    ASSERT_TRUE(trial.outcome.device_use);
    EXPECT_EQ(trial.outcome.device_use->peak_bytes, 0U);
    EXPECT_EQ(trial.outcome.device_use->slowed_by, "power limit");
    EXPECT_THAT(trial.disturbed_by, HasSubstr("another process used 25% of the device"));
    ASSERT_TRUE(trial.outcome.energy_j) << trial.outcome.energy_unknown;
    EXPECT_NEAR(*trial.outcome.mean_power_w, 250, 5);
    EXPECT_NEAR(*trial.outcome.energy_j, 250 * trial.outcome.metrics->e2e_ms * 1e-3, 25);
  }
  EXPECT_THAT(
      result.out,
      ContainsRegex("energy includes the idle power; before the first trial it was cuda:1 2[45][0-9][.][0-9] W"));
  EXPECT_THAT(result.out, HasSubstr("mJ/token"));
  EXPECT_THAT(result.out, Not(HasSubstr("not run")));
}

TEST_F(RunDevice, RunsWithoutADriverThatTells) {
  const std::string experiment =
      write_experiment(kReferenceAndDevice, "measure: {blocks: 1, warmup: 0, repeat_disturbed: 0}");
  const ProgramResult result =
      run_program(run_of(experiment, {"--nvml", "/nowhere/libnvidia-ml.so.1", "--set",
                                      "sweep={prompt_tokens: 4, generate_tokens: 1, threads: 1, batch: 1}"}));
  ASSERT_EQ(result.exit_code, 0) << result.err;
  const RunData run = read_run(only_run_folder());
  for (const TrialRecord& trial : run.trials) {
    EXPECT_FALSE(trial.outcome.device_use);
    EXPECT_FALSE(trial.outcome.energy_j);
    if (trial.contender == "card") {
      EXPECT_THAT(trial.outcome.energy_unknown, HasSubstr("NVML is not there"));
    }
  }
  const auto environment = nlohmann::json::parse(run.info.environment);
  EXPECT_THAT(environment.at("devices").at("cuda:1").at("problem").get<std::string>(), HasSubstr("NVML is not there"));
}

TEST_F(RunDevice, NamesTheDevicesIfThereIsNoSuchOne) {
  const std::string experiment = write_experiment(kReferenceAndDevice, "");
  const ProgramResult result = run_program(run_of(experiment, {"--set", "backends.1.device=cuda:7"}));
  EXPECT_EQ(result.exit_code, 2);
  EXPECT_THAT(result.err, HasSubstr("backend 'device' has no device 'cuda:7' here; did you mean 'cuda:0'? known "
                                    "devices: cuda:0, cuda:1\n"));
  EXPECT_FALSE(std::filesystem::exists(folder() / "results"));
}

}  // namespace
}  // namespace inferbench
