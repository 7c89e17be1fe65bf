// SPDX-License-Identifier: Apache-2.0
#include "cli/install_tree.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <string>
#include <system_error>
#include <vector>

#include "support/error.hpp"
#include "support/print.hpp"
#include "support/suggest.hpp"

namespace inferbench {

namespace {

namespace fs = std::filesystem;

// Relative to the program's folder, since the install prefix may be moved.
constexpr const char* kPrefixFromProgram = INFERBENCH_PREFIX_FROM_PROGRAM;
constexpr const char* kConfigsFromPrefix = INFERBENCH_CONFIGS_FROM_PREFIX;

std::vector<std::string> experiments_in(const fs::path& folder) {
  std::vector<std::string> names;
  std::error_code problem;
  for (fs::directory_iterator entry(folder, problem), end; !problem && entry != end; entry.increment(problem)) {
    if (entry->path().extension() == ".yaml") names.push_back(entry->path().filename().string());
  }
  std::sort(names.begin(), names.end());
  return names;
}

}  // namespace

std::optional<fs::path> install_prefix() {
  std::error_code problem;
  const fs::path program = fs::read_symlink("/proc/self/exe", problem);
  if (problem) return std::nullopt;
  const fs::path prefix = (program.parent_path() / kPrefixFromProgram).lexically_normal();
  if (!fs::is_directory(prefix / kConfigsFromPrefix, problem)) return std::nullopt;
  return prefix.has_filename() ? prefix : prefix.parent_path();
}

fs::path find_experiment(const fs::path& given) {
  std::error_code problem;
  if (given.empty() || given.has_parent_path() || fs::exists(given, problem)) return given;
  const std::optional<fs::path> prefix = install_prefix();
  if (!prefix) return given;
  const fs::path folder = *prefix / kConfigsFromPrefix;
  fs::path installed = folder / given;
  if (fs::is_regular_file(installed, problem)) {
    print_message("inferbench: note: running the installed {}\n", installed.string());
    return installed;
  }
  throw Error(
      fmt::format("there is no file '{}', and no experiment of that name in {}", given.string(), folder.string()),
      suggestion(given.string(), "installed experiments", experiments_in(folder)));
}

}  // namespace inferbench
