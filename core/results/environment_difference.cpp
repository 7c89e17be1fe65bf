// SPDX-License-Identifier: Apache-2.0
#include "results/environment_difference.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <array>
#include <map>
#include <nlohmann/json.hpp>
#include <set>
#include <string_view>

#include "support/one_line.hpp"

namespace inferbench {

namespace {

constexpr std::array<std::string_view, 5> kPassing{"/time", "/cpu/mhz_now", "/memory/available_bytes", "/system/load",
                                                   "/system/node"};
// The container's limits are compared. The names of its groups change with every session, and the keys "cpu" and
// "memory" are those of earlier versions, so these are ignored.
constexpr std::string_view kContainer = "/process/container/";
constexpr std::string_view kDevices = "/devices/";
constexpr std::string_view kJob = "/process/job/";  // the scheduler's numbers
constexpr std::size_t kLongestValue = 60;

bool passing(std::string_view key) {
  if (key.starts_with(kJob) || (key.starts_with(kDevices) && key.find("/now/") != std::string_view::npos)) return true;
  if (key.starts_with(kContainer)) {
    const std::string_view name = key.substr(kContainer.size());
    return name.ends_with("/folder") || name == "cpu" || name == "memory";
  }
  return std::find(kPassing.begin(), kPassing.end(), key) != kPassing.end();
}

// "/cpu/caches/0/size" -> text. Nulls are left out, because they are unknown.
std::map<std::string, std::string> values_of(const std::string& environment) {
  std::map<std::string, std::string> values;
  const nlohmann::json json = nlohmann::json::parse(environment, nullptr, false);
  if (!json.is_object()) return values;
  const nlohmann::json flat = json.flatten();  // items() refers to it
  for (const auto& [key, value] : flat.items()) {
    if (passing(key) || value.is_null()) continue;
    values.emplace(key.substr(1), value.is_string() ? value.get<std::string>() : value.dump());
  }
  return values;
}

std::string shown(const std::string& value) {
  return value.empty() ? "unknown" : one_line(value, kLongestValue);
}

}  // namespace

std::vector<EnvironmentDifference> compare_environments(const std::string& before, const std::string& now) {
  const auto old_values = values_of(before);
  const auto new_values = values_of(now);
  std::set<std::string> keys;
  for (const auto* values : {&old_values, &new_values}) {
    for (const auto& [key, value] : *values) keys.insert(key);
  }
  const auto value_in = [](const auto& values, const std::string& key) {
    const auto found = values.find(key);
    return found == values.end() ? std::string() : found->second;
  };
  std::vector<EnvironmentDifference> differences;
  for (const std::string& key : keys) {
    EnvironmentDifference difference{key, value_in(old_values, key), value_in(new_values, key)};
    if (difference.before != difference.now) differences.push_back(std::move(difference));
  }
  return differences;
}

std::vector<std::string> environment_differences(const std::string& before, const std::string& now) {
  std::vector<std::string> lines;
  for (EnvironmentDifference& difference : compare_environments(before, now)) {
    std::string& key = difference.key;
    std::replace(key.begin(), key.end(), '/', '.');
    const std::string was = shown(difference.before);
    const std::string is = shown(difference.now);
    // Long lists, such as the CPU's flags, may differ only in the truncated part.
    lines.push_back(was == is ? key + ": changed" : fmt::format("{}: {}, now {}", key, was, is));
  }
  return lines;
}

}  // namespace inferbench
