// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <filesystem>
#include <string>
#include <string_view>
#include <utility>
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

/// The plugin that has a fault. Faults of the calls that take a backend down are bad_end's.
inline std::string_view plugin_with_fault(std::string_view options) {
  constexpr std::array<std::pair<std::string_view, std::string_view>, 25> kPlugins{{
      {"segv", "crash"},        {"abort", "crash"},         {"exit", "crash"},
      {"throw", "crash"},       {"stderr_flood", "crash"},  {"hang", "hang"},
      {"polite_hang", "hang"},  {"sleep", "hang"},          {"stop", "hang"},
      {"oom", "refuse"},        {"unsupported", "refuse"},  {"internal", "refuse"},
      {"silent", "refuse"},     {"odd_status", "refuse"},   {"cancelled", "refuse"},
      {"wrong_id", "bad_ids"},  {"negative_id", "bad_ids"}, {"no_id", "bad_ids"},
      {"nan", "bad_logits"},    {"infinite", "bad_logits"}, {"unwritten_logit", "bad_logits"},
      {"eat_memory", "memory"}, {"blind_memory", "memory"}, {"hoard", "memory"},
      {"daemon", "daemon"},
  }};
  for (const std::string_view end : {"at: shutdown", "at: model_destroy", "at: session_destroy"}) {
    if (options.ends_with(end)) return "bad_end";
  }
  const std::string_view fault = options.substr(0, options.find(','));
  for (const auto& [name, plugin] : kPlugins) {
    if (fault.substr(fault.find(' ') + 1) == name) return plugin;
  }
  return "noise";  // stdout, frame_noise, none
}

/// A contender of a plugin over faulty_backend.hpp, a line of YAML: `options` as `fault: segv, from: 2`.
inline std::string faulty(std::string_view name, std::string_view options) {
  return hostile(plugin_with_fault(options), name, options);
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
