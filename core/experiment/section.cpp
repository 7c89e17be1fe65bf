// SPDX-License-Identifier: Apache-2.0
#include "experiment/section.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "experiment/yaml_value.hpp"
#include "support/suggest.hpp"

namespace inferbench {

std::int64_t read_integer(const YamlNode& node, const Key& key) {
  return read_integer(node, key.path, static_cast<std::int64_t>(key.least), static_cast<std::int64_t>(key.most));
}

double read_number(const YamlNode& node, const Key& key) {
  return read_number(node, key.path, key.least, key.most);
}

double read_share(const YamlNode& node, const Key& key) {
  std::string_view text = node.text;
  const bool percent = text.ends_with('%');
  if (percent) text.remove_suffix(1);
  double value = 0;
  if (node.kind == YamlNode::Kind::kScalar && parse_number(text, value)) {
    if (percent) value /= 100;
    if (value >= key.least && value <= key.most) return value;
  }
  fail_type(node, key.path,
            fmt::format("a share from {}% to {}%, such as 1% or 0.01", key.least * 100, key.most * 100));
}

std::string_view read_choice(const YamlNode& node, const Key& key) {
  const auto found = std::find(key.choices.begin(), key.choices.end(), node.text);
  if (node.kind != YamlNode::Kind::kScalar || found == key.choices.end()) {
    fail_type(node, key.path, fmt::format("{}", fmt::join(key.choices, " or ")));
  }
  return *found;
}

void check_map(const YamlNode& node, const KeyTable& keys, std::string_view path) {
  const std::vector<std::string> known = keys.names_below(path);
  if (node.kind != YamlNode::Kind::kMap) fail_type(node, path, fmt::format("a map with: {}", fmt::join(known, ", ")));
  for (const YamlEntry& entry : node.entries) {
    if (keys.find(path, entry.key) != nullptr) continue;
    fail(entry.at,
         fmt::format("{}unknown key {}; {}", path.empty() ? "" : fmt::format("{}: ", path), quote(entry.key),
                     suggestion(entry.key, "keys", known)),
         "rename or remove the key");
  }
}

Section::Section(const YamlNode& node, const KeyTable& keys, std::string path)
    : node_(node), keys_(keys), path_(std::move(path)) {
  check_map(node, keys, path_);
}

const Key& Section::key(std::string_view name) const {
  return keys_.at(key_path(path_, name));
}

const YamlNode* Section::find(std::string_view name) const {
  key(name);
  return optional_value(node_, name);
}

void Section::integer(std::string_view name, std::int32_t& value) const {
  if (const YamlNode* found = find(name)) value = static_cast<std::int32_t>(read_integer(*found, key(name)));
}

void Section::number(std::string_view name, double& value) const {
  if (const YamlNode* found = find(name)) value = read_number(*found, key(name));
}

void Section::share(std::string_view name, double& value) const {
  if (const YamlNode* found = find(name)) value = read_share(*found, key(name));
}

void Section::seed(std::string_view name, std::uint64_t& value) const {
  if (const YamlNode* found = find(name)) value = read_seed(*found, key(name).path);
}

void Section::bytes(std::string_view name, std::uint64_t& value) const {
  if (const YamlNode* found = find(name)) value = read_bytes(*found, key(name).path);
}

void Section::flag(std::string_view name, bool& value) const {
  if (const YamlNode* found = find(name)) value = read_flag(*found, key(name).path);
}

}  // namespace inferbench
