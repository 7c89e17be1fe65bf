// SPDX-License-Identifier: Apache-2.0
#include "results/run_place.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <fstream>
#include <functional>
#include <iterator>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>
#include <utility>

#include "support/counted.hpp"
#include "support/error.hpp"

namespace inferbench {

namespace fs = std::filesystem;

namespace {

constexpr const char* kRunJson = "run.json";
constexpr const char* kLatest = "latest";

bool is_run(const fs::path& folder) {
  std::error_code ignored;
  return fs::is_regular_file(folder / kRunJson, ignored);
}

// The folders in it, without links, sorted by name.
std::vector<fs::path> folders_in(const fs::path& folder) {
  std::vector<fs::path> found;
  std::error_code error;
  for (fs::directory_iterator entry(folder, error); !error && entry != fs::directory_iterator();
       entry.increment(error)) {
    std::error_code ignored;
    if (entry->is_directory(ignored) && !entry->is_symlink(ignored)) found.push_back(entry->path());
  }
  std::sort(found.begin(), found.end());
  return found;
}

std::string text_of(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

// Sort key: the start time, then the modification time of run.json for runs of the same second. A damaged run is the
// oldest.
std::pair<std::string, fs::file_time_type> age_of(const fs::path& run) {
  std::string started;
  const auto json = nlohmann::json::parse(text_of(run / kRunJson), nullptr, false);
  if (json.is_object() && json.contains("started") && json["started"].is_string()) started = json["started"];
  std::error_code ignored;
  return {started, fs::last_write_time(run / kRunJson, ignored)};
}

std::optional<fs::path> newest_run_in(const fs::path& folder) {
  std::optional<fs::path> newest;
  std::pair<std::string, fs::file_time_type> newest_age;
  for (const fs::path& candidate : folders_in(folder)) {
    if (!is_run(candidate)) continue;
    auto age = age_of(candidate);
    if (newest && age <= newest_age) continue;
    newest = candidate;
    newest_age = std::move(age);
  }
  return newest;
}

void refuse_several_experiments(const fs::path& folder) {
  std::vector<std::string> names;
  for (const fs::path& inner : folders_in(folder)) {
    if (newest_run_in(inner)) names.push_back(inner.filename().string());
  }
  if (names.empty()) return;
  throw Error(fmt::format("{} contains runs of {}, but is not a run itself", folder.string(), fmt::join(names, ", ")),
              fmt::format("name one: {} is its latest run", (folder / names.front()).string()));
}

// What is the same for a run, links to it and copies of it: run.json contains the time and the machine's load at the
// start, so equal texts mean copies.
std::string identity_of(const fs::path& run) {
  std::string text = text_of(run / kRunJson);
  if (!text.empty()) return text;
  std::error_code error;
  const fs::path place = fs::canonical(run, error);
  return error ? fs::absolute(run).lexically_normal().string() : place.string();
}

}  // namespace

fs::path find_run(const fs::path& named) {
  std::error_code ignored;
  if (named.filename() == kRunJson && fs::is_regular_file(named, ignored)) {
    return named.has_parent_path() ? named.parent_path() : fs::path(".");
  }
  if (is_run(named) || !fs::is_directory(named, ignored)) return named;
  if (auto newest = newest_run_in(named)) return *newest;
  refuse_several_experiments(named);
  return named;
}

std::vector<fs::path> find_runs(const std::vector<fs::path>& named) {
  std::vector<fs::path> runs;
  std::set<std::string> seen;
  for (const fs::path& one : named) {
    fs::path run = find_run(one);
    if (seen.insert(identity_of(run)).second) runs.push_back(std::move(run));
  }
  return runs;
}

std::vector<fs::path> find_exactly(std::size_t count, const std::vector<fs::path>& named, const std::string& command) {
  std::vector<fs::path> runs = find_runs(named);
  // Comparing a run with itself is allowed, as a test, if it is named twice explicitly (not by a pattern that also
  // matches `latest`).
  const bool twice =
      named.size() == count && std::adjacent_find(named.begin(), named.end(), std::not_equal_to<>()) == named.end();
  if (twice) runs.assign(count, find_run(named.front()));
  if (runs.size() == count) return runs;
  throw Error(fmt::format("{} takes {}, and {} {} named", command, counted(count, "run"), runs.size(),
                          runs.size() == 1 ? "is" : "are"),
              fmt::format("name the one you mean; {} without a pattern is its latest run",
                          runs.empty() ? "results/NAME" : runs.front().parent_path().string()));
}

void link_latest(const fs::path& run_folder) {
  const fs::path latest = run_folder.parent_path() / kLatest;
  std::error_code error;
  const fs::file_status status = fs::symlink_status(latest, error);
  if (fs::exists(status) && !fs::is_symlink(status)) return;
  // A unique name, so that runs that start together do not collide. The rename then replaces the old link atomically.
  const fs::path link = run_folder.parent_path() / fmt::format(".latest-{}", run_folder.filename().string());
  fs::create_directory_symlink(run_folder.filename(), link, error);
  if (error) return;
  fs::rename(link, latest, error);
  if (error) fs::remove(link, error);
}

}  // namespace inferbench
