// SPDX-License-Identifier: Apache-2.0
#include "experiment/yaml_value.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <limits>
#include <system_error>
#include <utility>

#include "support/error.hpp"
#include "support/one_line.hpp"

namespace inferbench {
namespace {

constexpr std::size_t kLongestMessage = 1400;
constexpr std::size_t kLongestCure = 400;

// Parses all of `text` as a T. A leading '+' is allowed, as in YAML.
template <typename T>
std::errc parse_all(std::string_view text, T& value) {
  if (text.size() > 1 && text[0] == '+' && text[1] != '-') text.remove_prefix(1);
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc()) return error;
  return end == text.data() + text.size() ? std::errc() : std::errc::invalid_argument;
}

std::string with_colon(std::string_view what) {
  return what.empty() ? std::string() : fmt::format("{}: ", what);
}

}  // namespace

void fail(const Position& at, const std::string& what, const std::string& cure) {
  throw Error(one_line(fmt::format("{}: {}", at.text(), what), kLongestMessage), one_line(cure, kLongestCure));
}

void fail_lookup(const Position& at, const Error& error, const std::string& cure) {
  fail(at, error.cure().empty() ? error.what() : fmt::format("{}; {}", error.what(), error.cure()), cure);
}

std::string quote(std::string_view text) {
  return fmt::format("'{}'", one_line(text, 80));
}

std::string describe(const YamlNode& node) {
  switch (node.kind) {
    case YamlNode::Kind::kNull:
      return "nothing";
    case YamlNode::Kind::kList:
      return node.items.empty() ? "an empty list" : "a list";
    case YamlNode::Kind::kMap:
      return "a map";
    case YamlNode::Kind::kScalar:
      break;
  }
  return (node.quoted ? "the text " : "") + quote(node.text);
}

void fail_type(const YamlNode& node, std::string_view what, std::string_view expected) {
  fail(node.at, fmt::format("{}found {}, expected {}", with_colon(what), describe(node), expected),
       "correct the value");
}

const YamlNode* optional_value(const YamlNode& map, std::string_view key) {
  const YamlEntry* entry = map.find(key);
  return entry == nullptr || entry->value.kind == YamlNode::Kind::kNull ? nullptr : &entry->value;
}

std::string read_text(const YamlNode& node, std::string_view what) {
  const bool is_clean = std::none_of(node.text.begin(), node.text.end(), [](char c) {
    return static_cast<unsigned char>(c) < 0x20U || static_cast<unsigned char>(c) == 0x7FU;
  });
  if (node.kind != YamlNode::Kind::kScalar || node.text.empty() || !is_clean) {
    fail_type(node, what, is_clean ? "a text" : "a text without control characters");
  }
  return node.text;
}

bool read_flag(const YamlNode& node, std::string_view what) {
  if (node.kind != YamlNode::Kind::kScalar || (node.text != "true" && node.text != "false")) {
    fail_type(node, what, "true or false");
  }
  return node.text == "true";
}

std::int64_t read_integer(const YamlNode& node, std::string_view what, std::int64_t min, std::int64_t max) {
  std::int64_t value = 0;
  const bool is_integer =
      node.kind == YamlNode::Kind::kScalar && !node.quoted && parse_all(node.text, value) == std::errc();
  if (!is_integer || value < min || value > max) {
    fail_type(node, what, fmt::format("a whole number from {} to {}", min, max));
  }
  return value;
}

std::uint64_t read_seed(const YamlNode& node, std::string_view what) {
  std::uint64_t value = 0;
  if (node.kind != YamlNode::Kind::kScalar || node.quoted || parse_all(node.text, value) != std::errc()) {
    fail_type(node, what, fmt::format("a whole number from 0 to {}", std::numeric_limits<std::uint64_t>::max()));
  }
  return value;
}

double read_number(const YamlNode& node, std::string_view what, double min, double max) {
  double value = 0;
  const bool is_number = node.kind == YamlNode::Kind::kScalar && !node.quoted && parse_number(node.text, value);
  if (!is_number || value < min || value > max) fail_type(node, what, fmt::format("a number from {} to {}", min, max));
  return value;
}

std::uint64_t read_bytes(const YamlNode& node, std::string_view what) {
  constexpr double kLargest = 9007199254740992.0;  // 2^53: up to here a double holds whole bytes
  double bytes = 0;
  const bool matches = node.kind == YamlNode::Kind::kScalar && parse_bytes(node.text, bytes);
  if (!matches || bytes < 1 || bytes > kLargest) {
    fail_type(node, what, "bytes above 0, such as 512MiB or 8GiB (units: KB, MB, GB, TB, KiB, MiB, GiB, TiB)");
  }
  return static_cast<std::uint64_t>(bytes);
}

std::filesystem::path read_path(const YamlNode& node, std::string_view what) {
  const std::filesystem::path path = read_text(node, what);
  return (node.at.source->folder / path).lexically_normal();
}

std::vector<const YamlNode*> read_items(const YamlNode& node, std::string_view what) {
  if (node.kind == YamlNode::Kind::kNull || (node.kind == YamlNode::Kind::kList && node.items.empty())) {
    fail_type(node, what, "a value or a list of at least one");
  }
  if (node.kind != YamlNode::Kind::kList) return {&node};
  std::vector<const YamlNode*> items;
  items.reserve(node.items.size());
  for (const YamlNode& item : node.items) items.push_back(&item);
  return items;
}

bool parse_number(std::string_view text, double& value) {
  return parse_all(text, value) == std::errc() && std::isfinite(value);
}

bool parse_bytes(std::string_view text, double& bytes) {
  static constexpr std::array<std::pair<std::string_view, double>, 10> kUnits{{{"", 1.0},
                                                                               {"B", 1.0},
                                                                               {"KB", 1e3},
                                                                               {"MB", 1e6},
                                                                               {"GB", 1e9},
                                                                               {"TB", 1e12},
                                                                               {"KiB", 1024.0},
                                                                               {"MiB", 1048576.0},
                                                                               {"GiB", 1073741824.0},
                                                                               {"TiB", 1099511627776.0}}};
  const std::size_t number_end = std::min(text.find_first_not_of("+-.0123456789"), text.size());
  const std::size_t unit_begin = std::min(text.find_first_not_of(' ', number_end), text.size());
  const std::string_view unit = text.substr(unit_begin);
  const auto* const found = std::find_if(kUnits.begin(), kUnits.end(), [&](const auto& u) { return u.first == unit; });
  if (found == kUnits.end() || !parse_number(text.substr(0, number_end), bytes)) return false;
  bytes *= found->second;
  return std::isfinite(bytes);
}

}  // namespace inferbench
