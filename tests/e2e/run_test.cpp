// SPDX-License-Identifier: Apache-2.0
// inferbench run, from the YAML file to the report.
#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <csignal>
#include <nlohmann/json.hpp>
#include <random>
#include <set>
#include <sstream>
#include <thread>

#include "e2e/run_fixture.hpp"
#include "measure/affinity.hpp"
#include "support/files.hpp"
#include "support/test_paths.hpp"

namespace inferbench::test {
namespace {

using testing::ContainsRegex;
using testing::HasSubstr;
using testing::Not;

// A table of time compared with the floor on stderr, a trace next to run.json, and nothing more on stdout.
TEST_F(RunTest, ProfilesShowTheFloor) {
  const std::string yaml = write_experiment("  - {plugin: cpu_ref, name: one}\n  - {plugin: cpu_quant, name: two}",
                                            "measure: {blocks: 1, warmup: 0}\nbaseline: one");
  const ProgramResult result = run_program_in(folder(), {"run", yaml, "--profile", "--set", "sweep.prompt_tokens=[9]"});
  EXPECT_EQ(result.exit_code, 0) << result.err;
  EXPECT_THAT(result.out, Not(HasSubstr("floor ms")));
  EXPECT_THAT(result.err, HasSubstr("floor ms"));
  EXPECT_THAT(result.err, HasSubstr("no profile: cpu_ref cannot be profiled"));
  EXPECT_THAT(result.err, ContainsRegex("[0-9.]+x\n"));
  std::ifstream trace(only_run_folder() / "profile-p0-c1.json");
  const auto json = nlohmann::json::parse(trace);
  EXPECT_FALSE(json.at("traceEvents").empty());
}

TEST_F(RunTest, GoesFromYamlToATable) {
  const std::string yaml = write_experiment(kTwoReferences, "measure: {blocks: 5, warmup: 1}");
  const ProgramResult result = run_program_in(folder(), {"run", yaml});
  ASSERT_EQ(result.exit_code, 0) << result.err;
  EXPECT_THAT(result.out, HasSubstr("tiny: prompt 4, generate 5, batch 2, threads 1"));
  EXPECT_THAT(result.out,
              ContainsRegex("two +[0-9.]+ +[0-9.]+ +[0-9.]+x +[0-9.]+-[0-9.]+ (faster|slower|same|unclear)"));
  EXPECT_THAT(result.out, HasSubstr("results: "));
  EXPECT_THAT(result.err, HasSubstr("[24/24]"));
  std::istringstream lines(result.out);
  for (std::string line; std::getline(lines, line);) {
    EXPECT_TRUE(line.size() <= 100 || line.starts_with("results: ") || line.starts_with("note: ")) << line;
  }

  const RunData run = read_run(only_run_folder());
  EXPECT_EQ(expect_each_id_once(run), 24U);  // 2 points x 2 contenders x (1 warm-up + 5 blocks)
  std::map<std::pair<std::int32_t, std::int32_t>, std::set<std::string>> digests;
  for (const TrialRecord& trial : run.trials) {
    ASSERT_TRUE(trial.ok());
    EXPECT_EQ(trial.outcome.metrics->inter_token_ms.size(), 4U);
    EXPECT_EQ(trial.backend, "cpu_ref");
    EXPECT_GT(trial.outcome.kv_bytes, 0U);
    EXPECT_GT(trial.outcome.memory.peak_rss_bytes, 0U);
    // Each block has new processes, which run one warm-up first. A disturbed block is repeated in the same processes.
    EXPECT_EQ(trial.outcome.trials_since_load, trial.warm_up() ? 0 : 1 + trial.attempt) << trial.id;
    digests[{trial.point.prompt_tokens, trial.block}].insert(trial.outcome.digest);
  }
  // Both contenders have the same prompt within a block, and different prompts in different blocks.
  std::set<std::string> all;
  for (const auto& [key, of_block] : digests) {
    EXPECT_EQ(of_block.size(), 1U);
    all.insert(of_block.begin(), of_block.end());
  }
  EXPECT_GT(all.size(), 4U);
  EXPECT_EQ(run.info.plugins.at(0).sha256.size(), 64U);
  EXPECT_EQ(run.info.models.at(0).sha256.size(), 64U);
}

TEST_F(RunTest, PrintsOnlyJsonWhenAsked) {
  const std::string yaml = write_experiment(kTwoReferences, "measure: {blocks: 2}");
  const ProgramResult result = run_program_in(folder(), {"run", yaml, "--json", "--set", "sweep.batch=[1]"});
  ASSERT_EQ(result.exit_code, 0) << result.err;
  const auto json = nlohmann::json::parse(result.out);
  EXPECT_EQ(json.at("folder"), only_run_folder().string());
  EXPECT_EQ(json.at("points").size(), 2U);
  EXPECT_EQ(json.at("points").at(0).at("batch"), 1);
}

TEST_F(RunTest, PlansWithoutMeasuring) {
  const std::string yaml = write_experiment(kTwoReferences, "measure: {blocks: 3, warmup: 1}");
  const ProgramResult result = run_program_in(folder(), {"run", yaml, "--plan"});
  EXPECT_EQ(result.exit_code, 0) << result.err;
  EXPECT_THAT(result.out, HasSubstr("16"));
  EXPECT_FALSE(std::filesystem::exists(folder() / "results"));
}

TEST_F(RunTest, NeedsAnExperiment) {
  const ProgramResult result = run_program_in(folder(), {"run"});
  EXPECT_EQ(result.exit_code, 2);
  EXPECT_THAT(result.err, HasSubstr("hint: inferbench run EXPERIMENT.yaml"));
}

// Tokens that are in the cache before the clock starts act like part of the prompt, but are not timed.
TEST_F(RunTest, ADepthGivesTheIdsOfTheLongPromptAndTimesTheShortOne) {
  const std::string yaml = write_experiment("  - {plugin: cpu_ref, name: one}\n  - {plugin: cpu_quant, name: two}",
                                            "measure: {blocks: 2, warmup: 0, repeat_disturbed: 0}\nbaseline: one");
  const auto trials_with = [&](const std::string& sweep, const std::string& name) {
    const ProgramResult result =
        run_program_in(folder(), {"run", yaml, "--set", "sweep={" + sweep + ", generate_tokens: [4]}", "--set",
                                  "name=" + name, "--set", "sweep.batch=[3]"});
    EXPECT_EQ(result.exit_code, 0) << result.err;
    std::map<std::string, TrialRecord> trials;
    for (const auto& entry : std::filesystem::directory_iterator(folder() / "results" / name)) {
      for (const TrialRecord& trial : read_run(entry.path()).trials) trials[trial.id] = trial;
    }
    EXPECT_EQ(trials.size(), 4U);
    return trials;
  };
  const auto whole = trials_with("prompt_tokens: [30], past_tokens: [0]", "whole");
  const auto deep = trials_with("prompt_tokens: [2], past_tokens: [28]", "deep");
  for (const auto& [id, trial] : deep) {
    ASSERT_TRUE(whole.contains(id));
    EXPECT_EQ(trial.point.past_tokens, 28);
    EXPECT_TRUE(trial.ok()) << trial.outcome.error;
    // The quantized contender may round differently if rows are grouped differently.
    if (trial.contender == "one") {
      EXPECT_EQ(trial.outcome.digest, whole.at(id).outcome.digest) << id;
    }
    EXPECT_EQ(trial.outcome.kv_bytes, whole.at(id).outcome.kv_bytes);
  }
}

TEST_F(RunTest, APromptMayFillTheContext) {
  const std::string yaml = write_experiment(kTwoReferences, "measure: {blocks: 1, warmup: 0}");
  const std::vector<std::string> full{"run", yaml, "--set", "sweep={prompt_tokens: [128], generate_tokens: [1]}"};
  const ProgramResult result = run_program_in(folder(), full);
  EXPECT_EQ(result.exit_code, 0) << result.err;
  EXPECT_THAT(result.out, HasSubstr("prompt 128, generate 1"));
}

TEST_F(RunTest, ASharedPrefixIsDeclaredInThePointAndANote) {
  const std::string yaml = write_experiment(kTwoReferences, "measure: {blocks: 2, warmup: 0}");
  const ProgramResult result =
      run_program_in(folder(), {"run", yaml, "--set", "sweep={prompt_tokens: [8], shared_prefix_tokens: [0, 6]}"});
  EXPECT_EQ(result.exit_code, 0) << result.err;
  EXPECT_THAT(result.out, HasSubstr("prompt 8, generate 5, batch 2, threads 1, shared prefix 6"));
  EXPECT_THAT(result.out, HasSubstr("note: points with a shared prefix: "));
}

TEST_F(RunTest, IsBoundToTheCpusThatTheFileNames) {
  const std::vector<int> allowed = allowed_cpus();
  ASSERT_FALSE(allowed.empty());
  const std::string cpu = std::to_string(allowed.back());
  const std::string yaml = write_experiment(kTwoReferences, "measure: {blocks: 1, warmup: 0, cpus: [" + cpu + "]}");
  const ProgramResult result = run_program_in(folder(), {"run", yaml, "--set", "sweep.threads=all"});
  EXPECT_EQ(result.exit_code, 0) << result.err;
  const RunData run = read_run(only_run_folder());
  EXPECT_THAT(run.info.resolved_yaml, HasSubstr("cpus: \"" + cpu + "\""));
  const auto environment = nlohmann::json::parse(run.info.environment);
  EXPECT_EQ(environment.at("cpu").at("usable"), nlohmann::json({allowed.back()}));
  for (const TrialRecord& trial : run.trials) EXPECT_EQ(trial.point.threads, 1);
  const ProgramResult refused = run_program_in(folder(), {"run", yaml, "--set", "measure.cpus=1023"});
  EXPECT_EQ(refused.exit_code, 2);
  EXPECT_THAT(refused.err, HasSubstr("--set measure.cpus=1023: measure.cpus: CPU 1023 is not among those that"));
}

TEST_F(RunTest, TakesPromptsFromAText) {
  const auto text = folder() / "text.txt";
  std::ofstream(text) << std::string(2000, 'x') << " the quick brown fox";
  const std::string yaml = write_experiment(kTwoReferences, fmt::format("prompts: {{file: '{}'}}", text.string()));
  const ProgramResult no_tokenizer = run_program_in(folder(), {"run", yaml});
  EXPECT_EQ(no_tokenizer.exit_code, 2);
  EXPECT_THAT(no_tokenizer.err, ContainsRegex("yaml:[0-9]+:[0-9]+: prompts.file: .*no tokenizer"));
  EXPECT_FALSE(std::filesystem::exists(folder() / "results"));
  const std::string model = fmt::format("models=['{}/shakespeare']", test_paths::kData);
  const ProgramResult result = run_program_in(folder(), {"run", yaml, "--set", model, "--set", "measure.blocks=1"});
  EXPECT_EQ(result.exit_code, 0) << result.err;
}

TEST_F(RunTest, ResumesAfterKillsAtRandomInstants) {
  const std::string yaml = write_experiment(kTwoReferences, "measure: {blocks: 10, warmup: 1, cooldown_s: 0.01}");
  std::mt19937 random(3);
  std::uniform_int_distribution<int> milliseconds(60, 250);
  std::string resumed_from;
  for (int kill_number = 0; kill_number < 8; ++kill_number) {
    std::vector<std::string> arguments{test_paths::kProgram, "run"};
    if (resumed_from.empty()) {
      arguments.push_back(yaml);
    } else {
      arguments.insert(arguments.end(), {"--resume", resumed_from});
    }
    Program program(arguments, folder());
    const auto results = folder() / "results" / "test";
    // The startup time depends on the machine, so only the first kills may come before run.json.
    if (resumed_from.empty() && kill_number >= 2) wait_until([&] { return std::filesystem::exists(results); });
    std::this_thread::sleep_for(std::chrono::milliseconds(milliseconds(random)));
    program.signal(SIGKILL);
    program.wait();
    // If it was killed before run.json was written, there is nothing to resume.
    if (resumed_from.empty() && std::filesystem::exists(results)) {
      const auto found = only_run_folder();
      if (std::filesystem::exists(found / "run.json")) {
        resumed_from = found.string();
      } else {
        std::filesystem::remove_all(results);
      }
    }
  }
  ASSERT_FALSE(resumed_from.empty());
  const ProgramResult result = run_program_in(folder(), {"run", "--resume", resumed_from});
  EXPECT_EQ(result.exit_code, 0) << result.err;
  EXPECT_EQ(expect_each_id_once(read_run(resumed_from)), 44U);
}

TEST_F(RunTest, DoesAHalfWrittenTrialAgain) {
  const std::string yaml = write_experiment(kTwoReferences, "measure: {blocks: 2, repeat_disturbed: 0}");
  ASSERT_EQ(run_program_in(folder(), {"run", yaml}).exit_code, 0);
  const auto run_folder = only_run_folder();
  const auto trials = run_folder / "trials.jsonl";
  const std::size_t rows = read_run(run_folder).trials.size();
  std::filesystem::resize_file(trials, std::filesystem::file_size(trials) - 100);
  ASSERT_EQ(read_run(run_folder).trials.size(), rows - 1);
  const ProgramResult result = run_program_in(folder(), {"run", "--resume", run_folder.string()});
  EXPECT_EQ(result.exit_code, 0) << result.err;
  EXPECT_EQ(expect_each_id_once(read_run(run_folder)), rows);

  const std::string complete = read_file(trials);
  EXPECT_EQ(run_program_in(folder(), {"run", "--resume", run_folder.string()}).exit_code, 0);
  EXPECT_EQ(read_file(trials), complete);  // nothing was left to do
}

TEST_F(RunTest, RefusesToResumeAnotherExperiment) {
  const std::string yaml = write_experiment(kTwoReferences, "measure: {blocks: 1}");
  ASSERT_EQ(run_program_in(folder(), {"run", yaml}).exit_code, 0);
  const std::string run_folder = only_run_folder().string();
  EXPECT_EQ(run_program_in(folder(), {"run", yaml, "--resume", run_folder}).exit_code, 0);
  write_experiment(kTwoReferences, "measure: {blocks: 2}");
  const ProgramResult other = run_program_in(folder(), {"run", yaml, "--resume", run_folder});
  EXPECT_EQ(other.exit_code, 2);
  EXPECT_THAT(other.err, HasSubstr("is not the experiment of"));
  const ProgramResult set = run_program_in(folder(), {"run", "--resume", run_folder, "--set", "measure.blocks=3"});
  EXPECT_EQ(set.exit_code, 2);
  EXPECT_THAT(set.err, HasSubstr("--set"));
}

TEST_F(RunTest, RefusesAFolderThatAnotherRunWrites) {
  const std::string yaml = write_experiment(kTwoReferences, "measure: {blocks: 1}");
  ASSERT_EQ(run_program_in(folder(), {"run", yaml}).exit_code, 0);
  const auto run_folder = only_run_folder();
  const int fd = ::open((run_folder / "trials.jsonl").c_str(), O_RDWR | O_CLOEXEC);
  ASSERT_EQ(flock(fd, LOCK_EX | LOCK_NB), 0);
  const ProgramResult result = run_program_in(folder(), {"run", "--resume", run_folder.string()});
  close(fd);
  EXPECT_EQ(result.exit_code, 2);
  EXPECT_THAT(result.err, HasSubstr("another inferbench is writing to"));
}

TEST_F(RunTest, SaysWhereItCannotWrite) {
  const std::string yaml = write_experiment(kTwoReferences, "measure: {blocks: 1}");
  const ProgramResult result = run_program_in(folder(), {"run", yaml, "--out", "/proc/nowhere"});
  EXPECT_EQ(result.exit_code, 2);
  EXPECT_THAT(result.err, HasSubstr("cannot create /proc/nowhere"));
  EXPECT_THAT(result.err, HasSubstr("--out DIR"));
  EXPECT_THAT(result.err, Not(HasSubstr("[1/")));
}

TEST_F(RunTest, CtrlCFinishesTheTrialAndLeavesAFolderToResume) {
  const std::string yaml = write_experiment(kTwoReferences, "measure: {blocks: 20, cooldown_s: 0.05}");
  Program program({test_paths::kProgram, "run", yaml}, folder());
  const auto results = folder() / "results" / "test";
  const auto begun = [&] {
    if (!std::filesystem::exists(results) || std::filesystem::is_empty(results)) return false;
    const auto trials = only_run_folder() / "trials.jsonl";
    return std::filesystem::exists(trials) && std::filesystem::file_size(trials) > 0;
  };
  for (int i = 0; i < 1000 && !begun(); ++i) std::this_thread::sleep_for(std::chrono::milliseconds(10));
  program.signal(SIGINT);
  const ProgramResult result = program.wait();
  EXPECT_EQ(result.exit_code, 130);
  EXPECT_THAT(result.err, HasSubstr("run --resume " + only_run_folder().string()));
  EXPECT_THAT(result.out, HasSubstr("of 84 planned trials"));
  const RunData before = read_run(only_run_folder());
  EXPECT_LT(before.trials.size(), 84U);
  EXPECT_TRUE(std::all_of(before.trials.begin(), before.trials.end(), [](const auto& trial) { return trial.ok(); }));
}

}  // namespace
}  // namespace inferbench::test
