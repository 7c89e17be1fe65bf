// SPDX-License-Identifier: Apache-2.0
#include "experiment/yaml_tree.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace inferbench {

std::string Position::text() const {
  if (!source) return "experiment";
  if (!source->is_file) return source->label;
  return fmt::format("{}:{}:{}", source->label, line, column);
}

std::string Position::text_beside(const Position& other) const {
  return source && source == other.source && source->is_file ? fmt::format("line {}", line) : text();
}

const YamlEntry* YamlNode::find(std::string_view key) const {
  const auto found = std::find_if(entries.begin(), entries.end(), [&](const YamlEntry& e) { return e.key == key; });
  return found == entries.end() ? nullptr : &*found;
}

YamlEntry* YamlNode::find(std::string_view key) {
  return const_cast<YamlEntry*>(std::as_const(*this).find(key));
}

void merge_yaml(YamlNode& base, YamlNode over) {
  if (base.kind != YamlNode::Kind::kMap || over.kind != YamlNode::Kind::kMap) {
    base = std::move(over);
    return;
  }
  for (YamlEntry& entry : over.entries) {
    if (YamlEntry* old = base.find(entry.key)) {
      old->at = std::move(entry.at);
      merge_yaml(old->value, std::move(entry.value));
    } else {
      base.entries.push_back(std::move(entry));
    }
  }
}

}  // namespace inferbench
