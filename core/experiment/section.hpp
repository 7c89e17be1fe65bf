// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

#include "experiment/keys.hpp"
#include "experiment/yaml_tree.hpp"

namespace inferbench {

// Readers of values. The key's row gives the path for messages and the limits. All throw Error with the position.

std::int64_t read_integer(const YamlNode& node, const Key& key);
double read_number(const YamlNode& node, const Key& key);
/// "1%" or 0.01.
double read_share(const YamlNode& node, const Key& key);
/// One of key.choices; the error lists them all.
std::string_view read_choice(const YamlNode& node, const Key& key);

/// Throws unless the node is a map whose keys are all in the table below `path`.
void check_map(const YamlNode& node, const KeyTable& keys, std::string_view path);

/// A map of the file, read by the rows of its keys. The functions that take a reference leave it unchanged if the file
/// does not have the key, and throw std::logic_error for a name that the table lacks. Borrows the node and the table.
class Section {
 public:
  /// Calls check_map.
  Section(const YamlNode& node, const KeyTable& keys, std::string path);

  const YamlNode& node() const { return node_; }
  const Key& key(std::string_view name) const;
  /// The value, or null if the key is missing or has no value (`key:` or `key: null`).
  const YamlNode* find(std::string_view name) const;

  void integer(std::string_view name, std::int32_t& value) const;
  void number(std::string_view name, double& value) const;
  void share(std::string_view name, double& value) const;
  void seed(std::string_view name, std::uint64_t& value) const;
  void bytes(std::string_view name, std::uint64_t& value) const;
  void flag(std::string_view name, bool& value) const;
  /// `choices` maps the words of the key's row to values.
  template <typename Value, std::size_t N>
  void choice(std::string_view name, Value& value,
              const std::array<std::pair<std::string_view, Value>, N>& choices) const {
    const YamlNode* found = find(name);
    if (found == nullptr) return;
    const std::string_view word = read_choice(*found, key(name));
    for (const auto& [text, meant] : choices) {
      if (text == word) value = meant;
    }
  }

 private:
  const YamlNode& node_;
  const KeyTable& keys_;
  std::string path_;
};

}  // namespace inferbench
