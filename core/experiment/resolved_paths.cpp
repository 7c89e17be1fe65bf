// SPDX-License-Identifier: Apache-2.0
#include "experiment/resolved_paths.hpp"

#include <fmt/format.h>
#include <yaml-cpp/emitter.h>
#include <yaml-cpp/emittermanip.h>

#include <algorithm>
#include <array>
#include <memory>
#include <set>
#include <string_view>

#include "experiment/yaml_tree.hpp"
#include "support/one_line.hpp"

namespace inferbench {

namespace {

// The keys whose values may be paths.
constexpr std::array<std::string_view, 7> kPathKeys{"plugin", "models", "model", "file", "text", "reference", "trace"};
constexpr std::size_t kLongestValue = 80;

YamlNode tree_of(const std::string& resolved_yaml) {
  return parse_yaml(resolved_yaml,
                    std::make_shared<const YamlSource>(YamlSource{"the experiment in run.json", {}, true}));
}

void collect_paths(const YamlNode& node, std::string_view key, std::vector<std::string>& paths) {
  const bool may_be = std::find(kPathKeys.begin(), kPathKeys.end(), key) != kPathKeys.end();
  if (node.kind == YamlNode::Kind::kScalar && may_be && node.text.starts_with('/')) {
    if (std::find(paths.begin(), paths.end(), node.text) == paths.end()) paths.push_back(node.text);
  }
  for (const YamlNode& item : node.items) collect_paths(item, key, paths);
  if (node.kind == YamlNode::Kind::kMap && node.find("endpoint") != nullptr) return;  // its model is a server's name
  for (const YamlEntry& entry : node.entries) collect_paths(entry.value, entry.key, paths);
}

void collect_values(const YamlNode& node, const std::string& place, std::map<std::string, std::string>& values) {
  const auto inner = [&](const std::string& name) { return place.empty() ? name : place + "." + name; };
  if (node.kind == YamlNode::Kind::kScalar) values[place] = node.text;
  for (std::size_t i = 0; i < node.items.size(); ++i) collect_values(node.items[i], inner(std::to_string(i)), values);
  for (const YamlEntry& entry : node.entries) collect_values(entry.value, inner(entry.key), values);
}

// The quoting of resolve_yaml.
std::string quoted(const std::string& text) {
  YAML::Emitter out;
  out << YAML::DoubleQuoted << text;
  return out.c_str();
}

std::string shown_value(const std::map<std::string, std::string>& values, const std::string& place) {
  const auto found = values.find(place);
  return found == values.end() ? "absent" : one_line(found->second, kLongestValue);
}

}  // namespace

std::vector<std::string> paths_in(const std::string& resolved_yaml) {
  std::vector<std::string> paths;
  collect_paths(tree_of(resolved_yaml), "", paths);
  return paths;
}

std::string with_paths(std::string resolved_yaml, const std::map<std::string, std::string>& replaced) {
  std::map<std::string, std::string> quoted_paths;
  for (const auto& [old_path, new_path] : replaced) quoted_paths.emplace(quoted(old_path), quoted(new_path));
  std::string text;
  // One pass, so that a new path that equals another old path is not replaced again.
  for (std::size_t at = 0; at < resolved_yaml.size();) {
    std::size_t length = 0;
    if (resolved_yaml[at] == '"') {
      for (const auto& [old_path, new_path] : quoted_paths) {
        if (resolved_yaml.compare(at, old_path.size(), old_path) != 0) continue;
        text += new_path;
        length = old_path.size();
        break;
      }
    }
    if (length == 0) text += resolved_yaml[at++];
    at += length;
  }
  return text;
}

std::map<std::string, std::string> values_in(const std::string& resolved_yaml) {
  std::map<std::string, std::string> values;
  collect_values(tree_of(resolved_yaml), "", values);
  return values;
}

std::vector<std::string> value_differences(const std::string& resolved_before, const std::string& resolved_now,
                                           std::size_t limit) {
  const auto before = values_in(resolved_before);
  const auto now = values_in(resolved_now);
  std::set<std::string> places;
  for (const auto* values : {&before, &now}) {
    for (const auto& [place, value] : *values) places.insert(place);
  }
  std::vector<std::string> lines;
  for (const std::string& place : places) {
    const std::string was = shown_value(before, place);
    const std::string is = shown_value(now, place);
    if (was != is || before.contains(place) != now.contains(place)) {
      lines.push_back(fmt::format("{}: {}, now {}", place, was, is));
    }
  }
  if (lines.size() > limit) {
    const std::size_t more = lines.size() - limit + 1;
    lines.resize(limit - 1);
    lines.push_back(fmt::format("and {} more", more));
  }
  return lines;
}

}  // namespace inferbench
