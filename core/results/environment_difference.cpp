// SPDX-License-Identifier: Apache-2.0
#include "results/environment_difference.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>
#include <set>
#include <string_view>

#include "support/one_line.hpp"

namespace inferbench {

namespace {

using Json = nlohmann::json;

constexpr std::array<std::string_view, 4> kPassing{"/time", "/cpu/mhz_now", "/memory/available_bytes", "/system/load"};
constexpr std::size_t kLongestValue = 60;

bool passing(std::string_view key) {
  return std::find(kPassing.begin(), kPassing.end(), key) != kPassing.end();
}

// "/cpu/caches/0/size" -> "cpu.caches.0.size".
std::string dotted(std::string key) {
  if (!key.empty()) key.erase(0, 1);
  std::replace(key.begin(), key.end(), '/', '.');
  return key;
}

std::string text_of(const Json& flat, const std::string& key) {
  const auto found = flat.find(key);
  if (found == flat.end() || found->is_null()) return "unknown";
  return one_line(found->is_string() ? found->get<std::string>() : found->dump(), kLongestValue);
}

}  // namespace

std::vector<std::string> environment_differences(const std::string& before, const std::string& now) {
  const Json old_flat = Json::parse(before).flatten();
  const Json new_flat = Json::parse(now).flatten();
  std::set<std::string> keys;
  for (const Json* flat : {&old_flat, &new_flat}) {
    for (const auto& [key, value] : flat->items()) keys.insert(key);
  }
  std::vector<std::string> lines;
  for (const std::string& key : keys) {
    const auto value_in = [&](const Json& flat) { return flat.value(key, Json(nullptr)); };
    if (passing(key) || value_in(old_flat) == value_in(new_flat)) continue;
    const std::string was = text_of(old_flat, key);
    const std::string is = text_of(new_flat, key);
    // Long lists, such as the CPU's flags, may differ beyond what a line shows.
    lines.push_back(was == is ? dotted(key) + ": another" : fmt::format("{}: {}, now {}", dotted(key), was, is));
  }
  return lines;
}

}  // namespace inferbench
