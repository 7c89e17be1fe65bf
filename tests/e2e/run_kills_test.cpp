// SPDX-License-Identifier: Apache-2.0
// kill -9 of the host at random moments: while it starts, while a worker loads, while a trial runs, while a row is
// being written to disk.
#include <csignal>
#include <nlohmann/json.hpp>
#include <random>
#include <set>
#include <sstream>
#include <thread>

#include "e2e/run_fixture.hpp"
#include "support/files.hpp"
#include "support/test_paths.hpp"

namespace inferbench::test {
namespace {

constexpr int kKills = 100;

class RunKillsTest : public RunTest {
 protected:
  // Expects that every line, except an unfinished last one, is a row, and that no attempt at a trial appears twice.
  // Returns the number of complete rows.
  static std::size_t expect_valid_rows(const std::filesystem::path& trials) {
    std::set<std::string> seen;
    std::istringstream lines(read_file(trials));
    for (std::string line; std::getline(lines, line) && !lines.eof();) {
      const auto row = nlohmann::json::parse(line, nullptr, false);
      EXPECT_TRUE(row.is_object()) << line;
      if (!row.is_object()) continue;
      const std::string attempt = row.at("id").get<std::string>() + "#" + std::to_string(row.at("attempt").get<int>());
      EXPECT_TRUE(seen.insert(attempt).second) << attempt << " twice";
    }
    return seen.size();
  }

  // Waits until the file's size changes, for at most `patience`.
  static void wait_for_growth(const std::filesystem::path& file, std::uintmax_t size,
                              std::chrono::milliseconds patience) {
    const auto end = std::chrono::steady_clock::now() + patience;
    std::error_code missing;
    while (std::chrono::steady_clock::now() < end) {
      const std::uintmax_t now = std::filesystem::file_size(file, missing);
      if (!missing && now != size) return;
      std::this_thread::sleep_for(std::chrono::microseconds(300));
    }
  }
};

TEST_F(RunKillsTest, AHundredKillsLoseNothingAndDoNothingTwice) {
  const std::string null = std::string(test_paths::kPlugins) + "/libnull.so";
  const std::string yaml =
      write_experiment(fmt::format("  - {{plugin: '{}', name: one}}\n  - {{plugin: '{}', name: two}}", null, null),
                       "measure: {blocks: 300, warmup: 1}");
  std::mt19937 random(3);
  const auto pause = [&](int most_us) {
    std::this_thread::sleep_for(std::chrono::microseconds(std::uniform_int_distribution<int>(0, most_us)(random)));
  };
  // Set once run.json exists; until then a kill leaves nothing to resume.
  std::filesystem::path run_folder;
  std::size_t rows = 0;
  int kills_that_met_rows = 0;
  for (int kill_number = 0; kill_number < kKills; ++kill_number) {
    std::vector<std::string> arguments{test_paths::kProgram, "run"};
    if (run_folder.empty()) {
      arguments.push_back(yaml);
    } else {
      arguments.insert(arguments.end(), {"--resume", run_folder.string()});
    }
    const auto trials = run_folder / "trials.jsonl";
    const std::uintmax_t size = run_folder.empty() ? 0 : std::filesystem::file_size(trials);
    Program program(arguments, folder());
    // One kill in four comes during startup, the others a few rows later.
    if (!run_folder.empty() && kill_number % 4 != 0) wait_for_growth(trials, size, std::chrono::seconds(10));
    // The first few kills come before there is a folder, because startup, such as measuring the machine's limits,
    // takes seconds on a busy machine. Then one comes during or soon after the creation of the folder.
    const auto results = folder() / "results" / "test";
    if (run_folder.empty() && kill_number >= 10) wait_until([&] { return std::filesystem::exists(results); });
    pause(run_folder.empty() || kill_number % 4 == 0 ? 40'000 : 8'000);
    program.signal(SIGKILL);
    program.wait();
    if (run_folder.empty()) {
      if (!std::filesystem::exists(results)) continue;
      run_folder = only_run_folder();
      if (!std::filesystem::exists(run_folder / "run.json")) {
        std::filesystem::remove_all(results);
        run_folder.clear();
      }
      continue;
    }
    const std::size_t now = expect_valid_rows(trials);
    EXPECT_GE(now, rows) << "a row was lost";
    kills_that_met_rows += now > rows ? 1 : 0;
    rows = now;
    ASSERT_FALSE(HasFailure()) << "after kill " << kill_number;
  }
  ASSERT_FALSE(run_folder.empty());
  EXPECT_GT(kills_that_met_rows, kKills / 2);
  const ProgramResult result = run_program_in(folder(), {"run", "--resume", run_folder.string()});
  EXPECT_EQ(result.exit_code, 0) << result.err;
  const RunData run = read_run(run_folder);
  EXPECT_EQ(expect_each_id_once(run), 1204U);
  EXPECT_EQ(expect_valid_rows(run_folder / "trials.jsonl"), run.trials.size() + run.replaced.size());
}

}  // namespace
}  // namespace inferbench::test
