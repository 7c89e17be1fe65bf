// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "e2e/run_fixture.hpp"

namespace inferbench::test {

/// The library of a hostile plugin: plugins/NAME.cpp.
inline std::filesystem::path hostile_plugin(std::string_view name) {
  return std::filesystem::path(INFERBENCH_HOSTILE_DIR) / fmt::format("lib{}.so", name);
}

/// A contender, as a line of YAML, with `options` such as `spin_us: 50, fault: x`.
inline std::string hostile(std::string_view plugin, std::string_view name, std::string_view options = "") {
  return fmt::format("  - {{plugin: {}, name: {}, options: {{{}}}}}\n", hostile_plugin(plugin).string(), name, options);
}

/// A working folder for runs of hostile plugins on the tiny model.
class HostileTest : public RunTest {
 protected:
  /// Every row of the only run, including replaced ones.
  std::vector<TrialRecord> rows_of(const std::string& contender) const {
    const RunData run = read_run(only_run_folder());
    std::vector<TrialRecord> found;
    for (const auto* rows : {&run.trials, &run.replaced}) {
      for (const TrialRecord& row : *rows) {
        if (row.contender == contender) found.push_back(row);
      }
    }
    return found;
  }
};

}  // namespace inferbench::test
