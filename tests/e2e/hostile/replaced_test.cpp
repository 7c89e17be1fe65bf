// SPDX-License-Identifier: Apache-2.0
// If a file is replaced during a run, the run ends: no result is attributed to a file that did not produce it.
#include <gmock/gmock.h>

#include <cstdlib>

#include "e2e/hostile/hostile_fixture.hpp"

namespace inferbench::test {
namespace {

namespace fs = std::filesystem;
using testing::AllOf;
using testing::HasSubstr;

class ReplacedTest : public HostileTest {
 protected:
  ReplacedTest() {
    fs::copy(fs::path(test_paths::kData) / "shakespeare", folder() / "model", fs::copy_options::recursive);
    fs::copy_file(hostile_plugin("replacer"), plugin());
    std::ofstream(text()) << std::string(300, 'a') << " quick brown foxes jump over lazy dogs, again and again";
  }

  fs::path plugin() const { return folder() / "libreplacer.so"; }
  fs::path text() const { return folder() / "text.txt"; }

  /// An experiment that replaces `path` by a different file at `moment` ("load" or "end").
  std::string experiment(const std::string& moment, const fs::path& path, const std::string& rest = "") const {
    fs::copy_file(path, fs::path(path).concat(".old"));
    fs::copy_file(path, fs::path(path).concat(".new"));
    std::ofstream(fs::path(path).concat(".new"), std::ios::app) << " ";
    const std::string backends =
        hostile("toy", "toy") + fmt::format("  - {{plugin: {}, name: swapped, options: {{fault: '{}:{}'}}}}\n",
                                            plugin().string(), moment, path.string());
    return write_experiment(backends, fmt::format("baseline: toy\nmeasure: {{blocks: 3, warmup: 1}}\n{}", rest));
  }

  ProgramResult run(const std::string& yaml) const {
    return run_program_in(folder(), {"run", yaml, "--set", "models=[./model]", "--set", "sweep.prompt_tokens=[4]"});
  }

  void expect_noticed(const ProgramResult& result, const fs::path& path, std::size_t rows) const {
    EXPECT_EQ(result.exit_code, 2) << result.out;
    EXPECT_THAT(result.err, AllOf(HasSubstr("changed during the run"), HasSubstr(path.string()),
                                  HasSubstr("hint: start a new run, or restore the file")));
    const RunData kept = read_run(only_run_folder());
    EXPECT_EQ(kept.trials.size(), rows);
    for (const TrialRecord& row : kept.trials) EXPECT_TRUE(row.ok()) << row.id << ": " << row.outcome.error;
  }

  void expect_resumable_once_put_back(const fs::path& path) const {
    const std::vector<std::string> resume{"run", "--resume", only_run_folder().string()};
    const ProgramResult refused = run_program_in(folder(), resume);
    EXPECT_EQ(refused.exit_code, 2) << refused.out;
    fs::rename(fs::path(path).concat(".old"), path);
    const ProgramResult resumed = run_program_in(folder(), resume);
    EXPECT_EQ(resumed.exit_code, 0) << resumed.err;
    const RunData whole = read_run(only_run_folder());
    EXPECT_EQ(expect_each_id_once(whole), whole.info.planned_trials);
  }
};

constexpr std::size_t kWarmUpsAndABlock = 4;

TEST_F(ReplacedTest, ALibraryBetweenTwoBlocks) {
  expect_noticed(run(experiment("end", plugin())), plugin(), kWarmUpsAndABlock);
  expect_resumable_once_put_back(plugin());
}

// The toy was already loaded and warmed up. The replaced library is the one being loaded.
TEST_F(ReplacedTest, ALibraryWhileItIsLoaded) {
  expect_noticed(run(experiment("load", plugin())), plugin(), 1);
  expect_resumable_once_put_back(plugin());
}

TEST_F(ReplacedTest, AModelBetweenTwoBlocks) {
  const fs::path weights = folder() / "model" / "model.safetensors";
  expect_noticed(run(experiment("end", weights)), weights, kWarmUpsAndABlock);
  expect_resumable_once_put_back(weights);
}

TEST_F(ReplacedTest, AConfiguration) {
  const fs::path config = folder() / "model" / "config.json";
  expect_noticed(run(experiment("end", config)), config, kWarmUpsAndABlock);
  expect_resumable_once_put_back(config);
}

TEST_F(ReplacedTest, ATokenizer) {
  const fs::path merges = folder() / "model" / "merges.txt";
  expect_noticed(run(experiment("end", merges)), merges, kWarmUpsAndABlock);
}

TEST_F(ReplacedTest, ATextOfPrompts) {
  expect_noticed(run(experiment("end", text(), fmt::format("prompts: {{file: '{}'}}", text().string()))), text(),
                 kWarmUpsAndABlock);
  expect_resumable_once_put_back(text());
}

TEST_F(ReplacedTest, ATextOfTheQualityCheck) {
  const std::string quality =
      fmt::format("quality: {{text: '{}', windows: 1, max_kl: {{fp32: 100}}}}", text().string());
  expect_noticed(run(experiment("load", text(), quality)), text(), 0);
}

TEST_F(ReplacedTest, ALibraryOfOperators) {
  experiment("load", plugin());
  setenv("INFERBENCH_REPLACE", plugin().c_str(), 1);
  const ProgramResult result = run_program_in(
      folder(), {"ops", "--backend", "cpu_ref", "--backend", plugin().string(), "--op", "softmax", "--shape",
                 "rows=1,width=64", "--threads", "1", "--blocks", "2", "--sample-ms", "1", "--no-limits"});
  unsetenv("INFERBENCH_REPLACE");
  EXPECT_EQ(result.exit_code, 2) << result.out;
  EXPECT_THAT(result.err, AllOf(HasSubstr("changed during the run"), HasSubstr(plugin().string())));
}

TEST_F(ReplacedTest, TheSameBytesAreTheSameFile) {
  const std::string yaml = experiment("end", plugin());
  fs::copy_file(plugin(), fs::path(plugin()).concat(".new"), fs::copy_options::overwrite_existing);
  EXPECT_EQ(run(yaml).exit_code, 0);
}

}  // namespace
}  // namespace inferbench::test
