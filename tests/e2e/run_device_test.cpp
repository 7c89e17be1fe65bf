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

TEST_F(RunDevice, ItsLimitsAreThoseOfItsBackend) {
  const std::vector<std::string> machine{"machine", "--plugin-dir", INFERBENCH_FAULTY_DIR, "--device"};
  const auto with = [&machine](const std::vector<std::string>& more) {
    std::vector<std::string> arguments = machine;
    arguments.insert(arguments.end(), more.begin(), more.end());
    return run_program(arguments);
  };
  const ProgramResult table = with({"cuda:1"});
  ASSERT_EQ(table.exit_code, 0) << table.err;
  EXPECT_THAT(table.out, HasSubstr("cuda:1: Card 1; best (median)\n"));
  EXPECT_THAT(table.out, testing::ContainsRegex("read 1024 MiB +1\\.0 \\(1\\.0\\) GB/s +made\n"));
  EXPECT_THAT(table.out, Not(HasSubstr("read 4096 MiB")));  // no room
  EXPECT_THAT(table.out, testing::ContainsRegex("int8 +not measured\n"));
  EXPECT_THAT(table.out, testing::ContainsRegex("copy from the device +71\\.0 \\(71\\.0\\) GB/s"));
  const ProgramResult json = with({"cuda:0", "--json", "--buffer", "7"});
  ASSERT_EQ(json.exit_code, 0) << json.err;
  const auto limits = nlohmann::json::parse(json.out);
  EXPECT_EQ(limits.at("device"), "cuda:0");
  ASSERT_EQ(limits.at("read").size(), 1U);
  EXPECT_EQ(limits.at("read")[0].at("buffer_bytes"), 7U << 20U);
  EXPECT_EQ(limits.at("bf16_flops_per_s").at("best"), 21e9);
  EXPECT_TRUE(limits.at("int8_ops_per_s").is_null());
  EXPECT_EQ(limits.at("cache_bytes"), 3U << 20U);
  const ProgramResult none = with({"cuda:7"});
  EXPECT_EQ(none.exit_code, 2);
  EXPECT_THAT(none.err, HasSubstr("no backend can measure the device 'cuda:7'; did you mean 'cuda:0'?"));
}

TEST_F(RunDevice, ARunComparesADeviceWithItsOwnLimits) {
  const std::string experiment = write_experiment(
      kReferenceAndDevice, "measure: {blocks: 1, warmup: 0, repeat_disturbed: 0, machine_limits: always}");
  const ProgramResult result =
      run_program(run_of(experiment, {"--nvml", "/nowhere/libnvidia-ml.so.1", "--set",
                                      "sweep={prompt_tokens: 4, generate_tokens: 2, threads: 1, batch: 1}"}));
  ASSERT_EQ(result.exit_code, 0) << result.err;
  const RunData run = read_run(only_run_folder());
  ASSERT_TRUE(run.info.machine);
  const DeviceLimits* device = run.info.machine->find("cuda:1");
  ASSERT_NE(device, nullptr);
  EXPECT_EQ(device->name, "Card 1");
  for (const TrialRecord& trial : run.trials) {
    if (trial.contender != "card") continue;
    const double bytes_per_s =
        static_cast<double>(trial.load.decode_weights_bytes) / (*trial.outcome.metrics->decode_ms_per_token * 1e-3);
    EXPECT_NEAR(trial.decode_bandwidth_share.value_or(0), bytes_per_s / 1e9, 1e-9 * bytes_per_s / 1e9);
  }
}

// "Cold" is beyond the device's cache of 3 MiB, not beyond that of the CPUs, and the limit is the device's.
TEST_F(RunDevice, OperatorsGoThroughMoreThanTheDevicesCache) {
  const auto experiment = folder() / "ops.yaml";
  std::ofstream(experiment) << "name: ops\nbackends:\n"
                            << kReferenceAndDevice
                            << "\nthreads: [1]\nops: [{op: linear, shape: {rows: 1, in: 512, out: 512}}]\n"
                               "measure: {blocks: 1, sample_ms: 1}\n";
  const ProgramResult result = run_program({"ops", experiment.string(), "--json"});
  ASSERT_EQ(result.exit_code, 0) << result.err;
  const auto row = nlohmann::json::parse(result.out).at("points").at(0).at("contenders").at(1);
  const auto bytes = row.at("weights_bytes").get<std::uint64_t>();
  EXPECT_EQ(row.at("copies"), 4 * (3U << 20U) / bytes + 1);
  EXPECT_NEAR(row.at("limit_us").at("memory").get<double>(), static_cast<double>(bytes) * 1e6 / 1e9, 1e-6);
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
