// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <fmt/format.h>
#include <gmock/gmock.h>

#include <chrono>
#include <filesystem>
#include <fstream>
#include <map>
#include <string>
#include <thread>
#include <vector>

#include "results/run_folder.hpp"
#include "support/program.hpp"
#include "support/test_paths.hpp"
#include "unit/results_fixture.hpp"

namespace inferbench::test {

/// A working folder with an experiment, and helpers to inspect the results.
class RunTest : public testing::Test {
 protected:
  const std::filesystem::path& folder() const { return folder_.path(); }

  /// Writes FOLDER/name.yaml on the tiny model; `backends` and `rest` are YAML.
  std::string write_experiment(const std::string& backends, const std::string& rest) const {
    const auto path = folder() / "experiment.yaml";
    std::ofstream(path) << fmt::format(
        "name: test\nbackends:\n{}\nmodels: ['{}/tiny']\n"
        "sweep: {{prompt_tokens: [4, 9], generate_tokens: [5], batch: [2], threads: [1]}}\n{}\n",
        backends, test_paths::kData, rest);
    return path.string();
  }

  std::filesystem::path only_run_folder() const {
    std::vector<std::filesystem::path> found;
    for (const auto& entry : std::filesystem::directory_iterator(folder() / "results" / "test")) {
      if (!entry.is_symlink()) found.push_back(entry.path());  // skips the link "latest"
    }
    EXPECT_EQ(found.size(), 1U);
    return found.empty() ? std::filesystem::path() : found.front();
  }

  /// Waits until `done` returns true, at most a minute.
  template <typename Done>
  static void wait_until(const Done& done) {
    const auto end = std::chrono::steady_clock::now() + std::chrono::minutes(1);
    while (!done() && std::chrono::steady_clock::now() < end) std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }

  /// Expects each id once. Returns the number of rows.
  static std::size_t expect_each_id_once(const RunData& run) {
    std::map<std::string, int> seen;
    for (const auto& trial : run.trials) ++seen[trial.id];
    for (const auto& [id, count] : seen) EXPECT_EQ(count, 1) << id;
    EXPECT_EQ(seen.size(), run.info.planned_trials);
    return run.trials.size();
  }

 private:
  TemporaryFolder folder_;
};

inline const std::string kTwoReferences = "  - {plugin: cpu_ref, name: one}\n  - {plugin: cpu_ref, name: two}";

}  // namespace inferbench::test
