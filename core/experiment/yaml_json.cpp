// SPDX-License-Identifier: Apache-2.0
#include "experiment/yaml_json.hpp"

#include <charconv>
#include <cstdint>
#include <nlohmann/json.hpp>

#include "experiment/yaml_value.hpp"

namespace inferbench {

namespace {

using Json = nlohmann::ordered_json;

template <typename Integer>
bool parse_integer(std::string_view text, Integer& value) {
  if (text.starts_with('+')) text.remove_prefix(1);
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  return error == std::errc() && end == text.data() + text.size();
}

Json scalar_json(const YamlNode& node) {
  if (node.quoted) return node.text;
  if (node.text == "true" || node.text == "false") return node.text == "true";
  std::int64_t integer = 0;
  std::uint64_t large = 0;
  double number = 0;
  if (parse_integer(node.text, integer)) return integer;
  if (parse_integer(node.text, large)) return large;
  if (parse_number(node.text, number)) return number;
  return node.text;
}

}  // namespace

Json yaml_as_json(const YamlNode& node) {
  switch (node.kind) {
    case YamlNode::Kind::kNull:
      return nullptr;
    case YamlNode::Kind::kScalar:
      return scalar_json(node);
    case YamlNode::Kind::kList: {
      Json list = Json::array();
      for (const YamlNode& item : node.items) list.push_back(yaml_as_json(item));
      return list;
    }
    case YamlNode::Kind::kMap:
      break;
  }
  Json map = Json::object();
  for (const YamlEntry& entry : node.entries) map[entry.key] = yaml_as_json(entry.value);
  return map;
}

}  // namespace inferbench
