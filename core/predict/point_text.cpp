// SPDX-License-Identifier: Apache-2.0
#include "predict/point_text.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "support/error.hpp"
#include "support/suggest.hpp"

namespace inferbench {
namespace {

constexpr const char* kExample = "for example --point model=synthetic:gpt2,prompt_tokens=[32,128],batch=4";
constexpr std::int64_t kMost = 1'000'000;

const std::vector<std::string>& keys() {
  static const std::vector<std::string> kKeys{"contender",       "model", "layers",  "width",      "prompt_tokens",
                                              "generate_tokens", "batch", "threads", "past_tokens"};
  return kKeys;
}

// Splits at commas outside of brackets.
std::vector<std::string> split(const std::string& text) {
  std::vector<std::string> parts(1);
  int depth = 0;
  for (const char c : text) {
    if (c == '[') ++depth;
    if (c == ']') --depth;
    if (c == ',' && depth == 0) {
      parts.emplace_back();
    } else {
      parts.back() += c;
    }
  }
  return parts;
}

void check_count(const std::string& key, const std::string& value) {
  if (key == "contender" || key == "model") return;
  const std::int64_t least = key == "past_tokens" ? 0 : 1;
  std::int64_t count = 0;
  const auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), count);
  if (error == std::errc() && end == value.data() + value.size() && count >= least && count <= kMost) return;
  throw Error(fmt::format("--point: {} '{}' is not a count from {} to {}", key, value, least, kMost), kExample);
}

void put(PointQuery& query, const std::string& part) {
  const auto equals = part.find('=');
  if (equals == std::string::npos || equals == 0) {
    throw Error(fmt::format("--point: '{}' is not KEY=VALUE", part), kExample);
  }
  const std::string key = part.substr(0, equals);
  std::string value = part.substr(equals + 1);
  if (std::find(keys().begin(), keys().end(), key) == keys().end()) {
    throw Error(fmt::format("--point: unknown key '{}'", key), suggestion(key, "keys", keys()));
  }
  const bool list = value.size() >= 2 && value.front() == '[' && value.back() == ']';
  std::vector<std::string> values{value};
  if (list) values = split(value.substr(1, value.size() - 2));
  for (const std::string& one : values) {
    if (one.empty()) throw Error(fmt::format("--point: {} has no value", key), kExample);
    check_count(key, one);
  }
  if (!query.emplace(key, values).second) throw Error(fmt::format("--point: {} is given twice", key), kExample);
}

}  // namespace

PointQuery parse_point(const std::string& text) {
  PointQuery query;
  for (const std::string& part : split(text)) put(query, part);
  if (query.contains("model") && (query.contains("layers") || query.contains("width"))) {
    throw Error("--point: give a model, or layers and width, not both", kExample);
  }
  if (query.contains("layers") != query.contains("width")) {
    throw Error("--point: layers and width go together", "for example --point layers=36,width=1280");
  }
  return query;
}

}  // namespace inferbench
