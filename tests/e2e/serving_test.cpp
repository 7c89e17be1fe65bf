// SPDX-License-Identifier: Apache-2.0
// Requests under load, from the YAML file to the reports.
#include <nlohmann/json.hpp>

#include "e2e/run_fixture.hpp"
#include "support/files.hpp"
#include "support/json_schema.hpp"
#include "support/test_paths.hpp"

namespace inferbench::test {
namespace {

using testing::ContainsRegex;
using testing::HasSubstr;

const std::string kScenarios =
    "measure: {blocks: 5, warmup: 1, machine_limits: never}\n"
    "serving: {max_batch: 3, token_budget: 8, requests: 12, prompt_tokens: {min: 2, max: 20}, generate_tokens: {min: "
    "1, "
    "max: 6}, objective: {ttft_ms: 60000}}\n"
    "targets:\n"
    "  - {scenario: closed 2, metric: ttft_ms, percentile: 90, at_most: 60000}\n"
    "  - {scenario: open 200/s, metric: success_rate, at_least: 1}\n"
    "  - {scenario: batch, metric: ttft_ms, at_most: 60000}\n";

const std::string kAxis = "sweep.scenario=[batch, {closed: {concurrency: 2}, open: {rate: 200}}]";

std::vector<const TrialRecord*> trials_of(const RunData& run, const std::string& scenario, std::int32_t block) {
  std::vector<const TrialRecord*> found;
  for (const TrialRecord& trial : run.trials) {
    if (trial.point.scenario == scenario && trial.block == block) found.push_back(&trial);
  }
  return found;
}

std::vector<std::pair<std::int32_t, std::int32_t>> lengths_of(const TrialRecord& trial) {
  std::vector<std::pair<std::int32_t, std::int32_t>> lengths;
  for (const RequestOutcome& request : trial.outcome.serving->requests) {
    lengths.emplace_back(request.prompt_tokens, request.wanted_tokens);
  }
  return lengths;
}

std::vector<std::uint64_t> arrivals_of(const TrialRecord& trial) {
  std::vector<std::uint64_t> arrivals;
  for (const RequestOutcome& request : trial.outcome.serving->requests) arrivals.push_back(request.arrival_ns);
  return arrivals;
}

class ServingRun : public RunTest {
 protected:
  ProgramResult run_scenarios() const {
    return run_program_in(folder(), {"run", write_experiment(kTwoReferences, kScenarios), "--set", kAxis, "--set",
                                     "sweep.prompt_tokens=[4]"});
  }

  std::string reported(const std::string& format) const {
    const ProgramResult result = run_program_in(folder(), {"report", only_run_folder().string(), "--format", format});
    EXPECT_EQ(result.exit_code, 0) << result.err;
    return result.out;
  }
};

TEST_F(ServingRun, EveryContenderServesTheSameRequests) {
  const ProgramResult result = run_scenarios();
  ASSERT_EQ(result.exit_code, 0) << result.err;
  EXPECT_THAT(result.out, HasSubstr("prompt 20, generate 6, batch 3, threads 1, closed 2"));
  EXPECT_THAT(result.out, ContainsRegex("waits for requests [0-9]+% of the time"));
  const RunData run = read_run(only_run_folder());
  EXPECT_EQ(expect_each_id_once(run), 36U);  // 3 points x 2 contenders x (1 warm-up + 5 blocks)
  for (const std::string scenario : {"closed 2", "open 200/s"}) {
    std::vector<std::pair<std::int32_t, std::int32_t>> earlier;
    for (std::int32_t block = 0; block < 3; ++block) {
      const auto trials = trials_of(run, scenario, block);
      ASSERT_EQ(trials.size(), 2U);
      for (const TrialRecord* trial : trials) {
        ASSERT_TRUE(trial->ok()) << trial->outcome.error;
        EXPECT_EQ(trial->outcome.serving->metrics.success_rate, 1);
        EXPECT_EQ(trial->outcome.serving->metrics.ramp_up, 1);
        EXPECT_TRUE(trial->outcome.serving->metrics.goodput_per_s);
      }
      EXPECT_EQ(lengths_of(*trials[0]), lengths_of(*trials[1]));
      if (scenario != "closed 2") {
        EXPECT_EQ(arrivals_of(*trials[0]), arrivals_of(*trials[1]));
      }
      EXPECT_NE(lengths_of(*trials[0]), earlier);
      earlier = lengths_of(*trials[0]);
    }
  }
  for (const TrialRecord* trial : trials_of(run, "", 0)) EXPECT_TRUE(trial->outcome.metrics);
}

TEST_F(ServingRun, EveryFormatHasTheScenarios) {
  ASSERT_EQ(run_scenarios().exit_code, 0);
  EXPECT_THAT(reported("md"), ContainsRegex("\\| tiny \\| closed 2 \\| 1 \\| 3 \\| two \\|"));
  EXPECT_THAT(reported("csv"), HasSubstr("shared_prefix_tokens,scenario\r\n"));
  EXPECT_THAT(reported("csv"), HasSubstr("output_tokens_per_s"));
  const auto json = nlohmann::json::parse(reported("json"));
  const auto schema =
      nlohmann::json::parse(read_file(std::filesystem::path(test_paths::kDocs) / "run_report.schema.json"));
  EXPECT_EQ(validate_json(json, schema), "");
  const auto& closed = json.at("points").at(1);
  EXPECT_EQ(closed.at("scenario"), "closed 2");
  const auto& metrics = closed.at("contenders").at(1).at("metrics");
  EXPECT_EQ(metrics.at("ttft_ms").at("n"), 55);  // 5 blocks of 12 requests without the first
  EXPECT_EQ(metrics.at("output_tokens_per_s").at("n"), 5);
  EXPECT_TRUE(closed.at("contenders").at(1).at("vs_baseline").contains("output_tokens_per_s"));
  const ProgramResult check = run_program_in(folder(), {"check", only_run_folder().string()});
  EXPECT_EQ(check.exit_code, 0) << check.out << check.err;
}

TEST_F(ServingRun, ASearchAnswersWithAnInterval) {
  const std::string yaml = write_experiment(kTwoReferences,
                                            "measure: {blocks: 5, warmup: 0, machine_limits: never}\n"
                                            "serving: {max_batch: 2, requests: 12, ramp_up: 0}\n"
                                            "targets: [{metric: max_rate_per_s, at_least: 1e-3}]\n");
  const ProgramResult result = run_program_in(
      folder(), {"run", yaml, "--set",
                 "sweep={prompt_tokens: 4, generate_tokens: 2, threads: 1, scenario: {find: {max_rate: {objective: "
                 "{ttft_ms: 60000}, percentile: 90}}}}"});
  ASSERT_EQ(result.exit_code, 0) << result.err;
  EXPECT_THAT(result.out, ContainsRegex("holds [0-9.]+ requests/s \\([0-9.]+ to [0-9.]+ in 5 searches\\)"));
  EXPECT_THAT(reported("md"), HasSubstr("| max rate p90 ttft 60000 ms | 1 | two | holds "));
  const auto json = nlohmann::json::parse(reported("json"));
  const auto schema =
      nlohmann::json::parse(read_file(std::filesystem::path(test_paths::kDocs) / "run_report.schema.json"));
  EXPECT_EQ(validate_json(json, schema), "");
  const auto& contender = json.at("points").at(0).at("contenders").at(1);
  EXPECT_EQ(contender.at("max_rate").at("held"), 5);
  EXPECT_EQ(contender.at("metrics").at("max_rate_per_s").at("n"), 5);
  EXPECT_TRUE(contender.at("vs_baseline").contains("max_rate_per_s"));
  const ProgramResult check = run_program_in(folder(), {"check", only_run_folder().string()});
  EXPECT_EQ(check.exit_code, 0) << check.out << check.err;
}

TEST_F(ServingRun, ATraceIsPlayedAndItsTooLongRequestsFail) {
  std::ofstream(folder() / "t.csv") << "arrival_s,prompt_tokens,output_tokens\n0,5,3\n0.01,500,3\n0.02,7,4\n0.03,7,4\n";
  const std::string yaml = write_experiment(kTwoReferences, "measure: {blocks: 1, warmup: 0}\nserving: {ramp_up: 0}");
  const ProgramResult result = run_program_in(
      folder(), {"run", yaml, "--set", "sweep={scenario: {trace: " + (folder() / "t.csv").string() + "}}"});
  ASSERT_EQ(result.exit_code, 0) << result.err;
  EXPECT_THAT(result.out, HasSubstr("25.0% of the requests failed"));
  const RunData run = read_run(only_run_folder());
  ASSERT_EQ(run.trials.size(), 2U);
  EXPECT_EQ(run.trials[0].outcome.serving->requests[1].reason, FinishReason::kRefused);
  EXPECT_EQ(run.trials[0].outcome.serving->requests[2].tokens_ns.size(), 4U);
  EXPECT_EQ(run.info.files.back().role, "the trace t.csv");
}

}  // namespace
}  // namespace inferbench::test
