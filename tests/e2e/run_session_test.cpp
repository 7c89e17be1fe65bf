// SPDX-License-Identifier: Apache-2.0
// Features of `run` beyond one plan in one go: shards and merge, --reproduce, blocks until intervals are narrow,
// machine limits, the page cache, and full disks.
#include <algorithm>
#include <cstdlib>
#include <nlohmann/json.hpp>
#include <set>
#include <sstream>

#include "e2e/run_fixture.hpp"
#include "support/test_paths.hpp"

namespace inferbench::test {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

class RunSessionTest : public RunTest {
 protected:
  // The folder that the run's last line names.
  static std::string folder_in(const ProgramResult& result) {
    constexpr std::string_view kLabel = "results: ";
    const std::size_t at = result.out.rfind(kLabel);
    if (at == std::string::npos) return {};
    std::string text = result.out.substr(at + kLabel.size());
    text.erase(text.find('\n'));
    return text;
  }

  /// An experiment next to a copy of the tiny model and a text.
  static void make_project(const std::filesystem::path& home, int blocks) {
    std::filesystem::create_directories(home);
    std::filesystem::copy(std::string(test_paths::kData) + "/tiny", home / "model",
                          std::filesystem::copy_options::recursive);
    std::ofstream(home / "q.yaml") << fmt::format(
        "name: test\nbackends:\n{}\nmodels: [./model]\nquality: {{windows: 1}}\n"
        "sweep: {{prompt_tokens: [4, 9], generate_tokens: [5], batch: [2], threads: [1]}}\n"
        "measure: {{blocks: {}, repeat_disturbed: 0}}\n",
        test::kTwoReferences, blocks);
  }

  static void cut_trials(const std::filesystem::path& file, int kept) {
    std::ifstream in(file);
    std::string text;
    std::string line;
    for (int i = 0; i < kept && std::getline(in, line); ++i) text += line + "\n";
    in.close();
    std::ofstream(file) << text;
  }
};

TEST_F(RunSessionTest, ShardsMergeToTheWholeRun) {
  const std::string yaml = write_experiment(kTwoReferences, "measure: {blocks: 2}");
  std::vector<std::string> merge{"merge"};
  for (const char* shard : {"1/2", "2/2"}) {
    const ProgramResult result = run_program_in(folder(), {"run", yaml, "--shard", shard, "--out", "parts"});
    ASSERT_EQ(result.exit_code, 0) << result.err;
    merge.push_back(folder_in(result));
  }
  const ProgramResult merged = run_program_in(folder(), merge);
  ASSERT_EQ(merged.exit_code, 0) << merged.err;
  EXPECT_EQ(merged.out, only_run_folder().string() + "\n");
  EXPECT_EQ(merged.err, "");  // the same machine
  const RunData whole = read_run(only_run_folder());
  EXPECT_EQ(expect_each_id_once(whole), 12U);
  EXPECT_EQ(whole.info.merged.size(), 2U);
  // The run is complete, so there is nothing to resume.
  EXPECT_EQ(run_program_in(folder(), {"run", "--resume", only_run_folder().string()}).exit_code, 0);

  const ProgramResult twice = run_program_in(folder(), {"merge", merge[1], merge[1]});
  EXPECT_EQ(twice.exit_code, 3);
  EXPECT_THAT(twice.err, HasSubstr("shard 2/2: no run folder, 6 trials are missing"));
}

// Two hosts: the same YAML and model, in different folders.
TEST_F(RunSessionTest, ShardsOfDifferentFoldersMerge) {
  std::vector<std::string> merge{"merge"};
  for (const char* host : {"one", "two/deeper"}) {
    const std::filesystem::path home = folder() / host;
    make_project(home, 2);
    const std::string shard = merge.size() == 1 ? "1/2" : "2/2";
    const ProgramResult result = run_program_in(home, {"run", "q.yaml", "--shard", shard});
    ASSERT_EQ(result.exit_code, 0) << result.err;
    merge.push_back(folder_in(result));
  }
  const ProgramResult merged = run_program_in(folder(), merge);
  ASSERT_EQ(merged.exit_code, 0) << merged.err;
  const RunData whole = read_run(only_run_folder());
  EXPECT_EQ(expect_each_id_once(whole), 12U);
  for (const TrialRecord& trial : whole.trials) EXPECT_EQ(trial.point.model, whole.info.models[0].reference);
  EXPECT_EQ(whole.quality.size(), 2U);
  // The report's table finds all rows.
  const std::string report = run_program_in(folder(), {"report", "results/test", "--format", "md"}).out;
  const std::string results = report.substr(0, report.find("## Quality"));  // random tokens have no perplexity
  EXPECT_THAT(results, HasSubstr("| 2 of 2 |"));
  EXPECT_THAT(results, Not(HasSubstr("| - | - |")));
}

// A model under two names would be measured, and matched with other runs, twice.
TEST_F(RunSessionTest, TwoNamesOfOneModelAreAMistake) {
  make_project(folder(), 1);
  std::filesystem::create_directory_symlink("model", folder() / "link");
  std::filesystem::copy(folder() / "model", folder() / "copy", std::filesystem::copy_options::recursive);
  const auto refusal = [&](const std::string& models) {
    const ProgramResult result = run_program_in(folder(), {"run", "q.yaml", "--set", "models=" + models});
    EXPECT_EQ(result.exit_code, 2) << models;
    return result.err;
  };
  EXPECT_THAT(refusal("[./model, ./model/]"), HasSubstr("'./model/' is the same as './model'"));
  EXPECT_THAT(refusal("[./model, ./link]"), HasSubstr("'./link' is the same as './model'"));
  EXPECT_THAT(refusal("[./model, ./copy]"), HasSubstr("are the same model (SHA-256 "));
}

// For another run, a renamed folder is the same model, but different weights under the same name are not.
TEST_F(RunSessionTest, ComparesModelsByWhatTheyHold) {
  make_project(folder() / "one", 1);
  make_project(folder() / "two", 1);
  std::filesystem::rename(folder() / "two/model", folder() / "two/renamed");
  const std::string one = folder_in(run_program_in(folder() / "one", {"run", "q.yaml"}));
  const std::string two = folder_in(run_program_in(folder() / "two", {"run", "q.yaml", "--set", "models=[./renamed]"}));
  EXPECT_EQ(run_program_in(folder(), {"compare", one, two}).exit_code, 0);
  auto info = nlohmann::json::parse(std::ifstream(two + "/run.json"));
  info["models"][0]["sha256"] = std::string(64, 'd');
  info["models"][0]["name"] = "model";
  std::ofstream(two + "/run.json") << info;
  const ProgramResult other = run_program_in(folder(), {"compare", one, two});
  EXPECT_EQ(other.exit_code, 2);
  EXPECT_THAT(other.err, HasSubstr("no point in common; model 'model': different weights"));
}

TEST_F(RunSessionTest, AMovedFolderIsResumedAndReproduced) {
  make_project(folder() / "old", 2);
  const ProgramResult first = run_program_in(folder() / "old", {"run", "q.yaml"});
  ASSERT_EQ(first.exit_code, 0) << first.err;
  const std::filesystem::path run = folder_in(first);
  cut_trials(run / "trials.jsonl", 5);
  std::filesystem::rename(folder() / "old", folder() / "new");
  const std::string moved = folder() / "new" / std::filesystem::relative(run, folder() / "old");
  const ProgramResult resumed = run_program_in(folder(), {"run", "--resume", moved});
  ASSERT_EQ(resumed.exit_code, 0) << resumed.err;
  const RunData whole = read_run(moved);
  EXPECT_EQ(expect_each_id_once(whole), 12U);
  for (const TrialRecord& trial : whole.trials) EXPECT_EQ(trial.point.model, (folder() / "new/model").string());
  EXPECT_EQ(run_program_in(folder(), {"run", "--reproduce", moved, "--out", "again"}).exit_code, 0);
  // The error names a missing model by its new location.
  std::filesystem::remove_all(folder() / "new/model");
  std::filesystem::rename(folder() / "new", folder() / "newer");
  const std::string newer = folder() / "newer" / std::filesystem::relative(run, folder() / "old");
  const ProgramResult missing = run_program_in(folder(), {"run", "--resume", newer});
  EXPECT_EQ(missing.exit_code, 2);
  EXPECT_THAT(missing.err, HasSubstr("cannot find " + (folder() / "newer/model").string()));
}

TEST_F(RunSessionTest, TheLatestRunGoesByTheExperimentsName) {
  const std::string yaml = write_experiment(kTwoReferences, "measure: {blocks: 1, warmup: 0}");
  const std::string first = folder_in(run_program_in(folder(), {"run", yaml}));
  const std::string second = folder_in(run_program_in(folder(), {"run", yaml}));
  EXPECT_TRUE(std::filesystem::equivalent(folder() / "results/test/latest", second));
  const std::vector<std::string> pattern{first, second, (folder() / "results/test/latest").string()};
  const ProgramResult report = run_program_in(folder(), {"report", "results/test"});
  EXPECT_EQ(report.exit_code, 0) << report.err;
  EXPECT_TRUE(std::filesystem::exists(second + "/report.html"));
  EXPECT_EQ(run_program_in(folder(), {"compare", first, "results/test"}).exit_code, 0);
  EXPECT_EQ(run_program_in(folder(), {"compare", pattern[0], pattern[1], pattern[2]}).exit_code, 0);
  EXPECT_EQ(run_program_in(folder(), {"run", "--reproduce", "results/test", "--out", "again"}).exit_code, 0);
  EXPECT_EQ(run_program_in(folder(), {"run", "--resume", "results/test"}).exit_code, 0);
  // The pattern contains each run only once.
  const auto trials = [&](std::vector<std::string> runs) {
    runs.insert(runs.begin(), {"analyze", "--json"});
    return nlohmann::json::parse(run_program_in(folder(), runs).out).at("trials");
  };
  EXPECT_EQ(trials(pattern), trials({first, second}));
  EXPECT_EQ(trials({first, first}), trials({first}));
  const ProgramResult several = run_program_in(folder(), {"report", pattern[0], pattern[1], pattern[2]});
  EXPECT_EQ(several.exit_code, 2);
  EXPECT_THAT(several.err, HasSubstr("report takes 1 run, and 2 are named"));
}

TEST_F(RunSessionTest, MergeRefusesAnotherExperiment) {
  std::vector<std::string> merge{"merge"};
  for (const char* blocks : {"1", "2"}) {
    const std::string yaml = write_experiment(kTwoReferences, fmt::format("measure: {{blocks: {}}}", blocks));
    merge.push_back(folder_in(run_program_in(folder(), {"run", yaml})));
  }
  const ProgramResult result = run_program_in(folder(), merge);
  EXPECT_EQ(result.exit_code, 2);
  EXPECT_THAT(result.err, AllOf(HasSubstr("ran a different experiment from"), HasSubstr("measure.blocks: 1, now 2")));
}

TEST_F(RunSessionTest, ShardsAreChecked) {
  const std::string yaml = write_experiment(kTwoReferences, "");
  for (const char* shard : {"0/2", "3/2", "2", "a/b", "1/2x"}) {
    const ProgramResult result = run_program_in(folder(), {"run", yaml, "--shard", shard});
    EXPECT_EQ(result.exit_code, 2) << shard;
    EXPECT_THAT(result.err, HasSubstr("expected K/N")) << shard;
  }
  EXPECT_THAT(run_program_in(folder(), {"run", yaml, "--shard", "3/3"}).err, HasSubstr("has only 2 points"));
}

TEST_F(RunSessionTest, PlanIsOfTheShard) {
  const std::string yaml = write_experiment(kTwoReferences, "measure: {blocks: 2}");
  const auto plan = [&](std::vector<std::string> more) {
    std::vector<std::string> command{"run", yaml, "--plan"};
    command.insert(command.end(), more.begin(), more.end());
    return run_program_in(folder(), command).out;
  };
  EXPECT_THAT(plan({}), AllOf(HasSubstr("\n2 points\n"), HasSubstr("12 trials"), Not(HasSubstr("shard"))));
  EXPECT_THAT(plan({"--shard", "2/2"}), AllOf(HasSubstr("shard 2/2: 1 of the experiment's 2 points\n"),
                                              HasSubstr("\n1 point\n"), HasSubstr("6 trials")));
}

TEST_F(RunSessionTest, ReproduceRunsTheSameExperimentAgain) {
  const std::string yaml =
      write_experiment(kTwoReferences, "measure: {blocks: 1, warmup: 0, repeat_disturbed: 0}\nprompts: {seed: 11}");
  const std::string first = folder_in(run_program_in(folder(), {"run", yaml}));
  std::filesystem::remove(yaml);  // run.json is enough
  const ProgramResult again = run_program_in(folder(), {"run", "--reproduce", first + "/run.json"});
  ASSERT_EQ(again.exit_code, 0) << again.err;
  EXPECT_THAT(again.err, Not(HasSubstr("differs from that run")));
  const RunData before = read_run(first);
  const RunData after = read_run(folder_in(again));
  EXPECT_EQ(after.info.resolved_yaml, before.info.resolved_yaml);
  ASSERT_EQ(after.trials.size(), before.trials.size());
  for (std::size_t i = 0; i < after.trials.size(); ++i) {
    EXPECT_EQ(after.trials[i].id, before.trials[i].id);
    EXPECT_EQ(after.trials[i].outcome.digest, before.trials[i].outcome.digest);
  }
  // As if the run came from another machine.
  auto info = nlohmann::json::parse(std::ifstream(first + "/run.json"));
  info["environment"]["cpu"]["model"] = "Another CPU";
  std::ofstream(folder() / "other.json") << info;
  const ProgramResult other = run_program_in(folder(), {"run", "--reproduce", (folder() / "other.json").string()});
  EXPECT_EQ(other.exit_code, 0);
  EXPECT_THAT(other.err, HasSubstr("differs from that run: cpu.model: Another CPU, now"));
  EXPECT_EQ(run_program_in(folder(), {"run", "--reproduce", first, "--set", "measure.blocks=2"}).exit_code, 2);
}

TEST_F(RunSessionTest, UntilAddsBlocks) {
  const std::string yaml = write_experiment(
      kTwoReferences, "measure: {blocks: 2, until: {ratio_interval: 0.01%, max_blocks: 4}, repeat_disturbed: 0}");
  const ProgramResult result = run_program_in(folder(), {"run", yaml});
  ASSERT_EQ(result.exit_code, 0) << result.err;
  const RunData run = read_run(only_run_folder());
  EXPECT_EQ(run.trials.size(), 2U * 2U * (1U + 4U));  // no two runs of a tiny model agree that closely
  EXPECT_THAT(result.err, HasSubstr("[20/20]"));
}

TEST_F(RunSessionTest, RowsSayWhichShareOfTheMachinesLimitsTheyReached) {
  const std::string yaml = write_experiment(kTwoReferences, "measure: {blocks: 1, machine_limits: always}");
  const ProgramResult result = run_program_in(folder(), {"run", yaml, "--set", "sweep.prompt_tokens=[64]"});
  ASSERT_EQ(result.exit_code, 0) << result.err;
  const RunData run = read_run(only_run_folder());
  ASSERT_TRUE(run.info.machine);
  ASSERT_NE(run.info.machine->find(1), nullptr);
  for (const TrialRecord& trial : run.trials) {
    ASSERT_TRUE(trial.prefill_peak_share && trial.decode_bandwidth_share) << trial.id;
    EXPECT_GT(*trial.prefill_peak_share, 0);
    EXPECT_LT(*trial.prefill_peak_share, 1.5);
  }
}

TEST_F(RunSessionTest, LoadsWithTheCacheAskedFor) {
  // A copy on disk that no other process has mapped.
  std::filesystem::copy(std::string(test_paths::kData) + "/shakespeare", folder() / "model");
  const std::string yaml = write_experiment(kTwoReferences, "measure: {blocks: 1, warmup: 0}");
  const std::string model = fmt::format("models=['{}/model']", folder().string());
  for (const char* cache : {"cold", "warm"}) {
    const ProgramResult result =
        run_program_in(folder(), {"run", yaml, "--set", model, "--set", fmt::format("load.cache={}", cache)});
    ASSERT_EQ(result.exit_code, 0) << result.err;
    for (const TrialRecord& trial : read_run(folder_in(result)).trials) {
      EXPECT_EQ(trial.load.cache, cache);
      ASSERT_TRUE(trial.load.page_cache_share);
      if (cache == std::string("warm")) {
        EXPECT_GT(*trial.load.page_cache_share, 0.99);
      } else {  // a file system in memory cannot be cold, and then the run reports it
        EXPECT_EQ(*trial.load.page_cache_share > 0.01, result.out.find("with a cold page cache") != std::string::npos);
      }
      EXPECT_TRUE(trial.load.first_forward_ms);
    }
  }
}

// A limit on file sizes simulates a full disk.
TEST_F(RunSessionTest, AFullDiskStopsTheRunAndALaterResumeEndsIt) {
  const std::string yaml = write_experiment(kTwoReferences, "measure: {blocks: 30}");
  const std::string command = fmt::format("trap '' XFSZ; ulimit -f 64; exec '{}' run '{}'", test_paths::kProgram, yaml);
  const ProgramResult full = Program({"/bin/bash", "-c", command}, folder()).wait();
  EXPECT_EQ(full.exit_code, 2) << full.err;
  EXPECT_THAT(full.err, HasSubstr("cannot write"));
  EXPECT_THAT(full.err, AllOf(HasSubstr("hint: raise the file-size limit (ulimit -f)"),
                              HasSubstr("; then: inferbench run --resume ")));
  const auto folder_left = only_run_folder();
  const RunData before = read_run(folder_left);
  EXPECT_LT(before.trials.size(), before.info.planned_trials);
  EXPECT_GT(before.trials.size(), 0U);
  const ProgramResult resumed = run_program_in(folder(), {"run", "--resume", folder_left.string()});
  EXPECT_EQ(resumed.exit_code, 0) << resumed.err;
  EXPECT_EQ(expect_each_id_once(read_run(folder_left)), 2U * 2U * 31U);

  std::filesystem::remove_all(folder() / "results");
  const std::string fuller = fmt::format("trap '' XFSZ; ulimit -f 1; exec '{}' run '{}'", test_paths::kProgram, yaml);
  const ProgramResult none = Program({"/bin/bash", "-c", fuller}, folder()).wait();
  EXPECT_EQ(none.exit_code, 2);
  EXPECT_THAT(none.err, HasSubstr("cannot write"));
  EXPECT_TRUE(std::filesystem::is_empty(folder() / "results" / "test")) << "no folder that is no run";
}

TEST_F(RunSessionTest, ASlowedBackendEmitsWhatTheOtherDoes) {
  setenv("INFERBENCH_SLOWED_BACKEND", (std::string(test_paths::kPlugins) + "/libcpu_ref.so").c_str(), 1);
  const std::string backends = fmt::format("  - cpu_ref\n  - {}/libslowed.so\n", INFERBENCH_FAULTY_DIR);
  const ProgramResult result = run_program_in(folder(), {"run", write_experiment(backends, "measure: {blocks: 2}")});
  unsetenv("INFERBENCH_SLOWED_BACKEND");
  ASSERT_EQ(result.exit_code, 0) << result.err;
  std::map<std::pair<std::int32_t, std::int32_t>, std::set<std::string>> digests;
  for (const TrialRecord& trial : read_run(only_run_folder()).trials) {
    digests[{trial.point.prompt_tokens, trial.block}].insert(trial.outcome.digest);
  }
  for (const auto& [key, of_block] : digests) EXPECT_EQ(of_block.size(), 1U);
}

}  // namespace
}  // namespace inferbench::test
