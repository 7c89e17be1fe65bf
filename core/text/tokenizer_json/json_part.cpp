// SPDX-License-Identifier: Apache-2.0
#include "text/tokenizer_json/json_part.hpp"

#include <fmt/format.h>

#include <limits>

#include "model/in_quotes.hpp"
#include "support/one_line.hpp"

namespace inferbench::tokenizer_json {
namespace {

// Real files have at most a dozen components, nested once.
constexpr int kMaxDepth = 8;
constexpr std::size_t kMaxComponents = 256;
constexpr std::size_t kMaxWhereBytes = 600;

const char* type_name(simdjson::dom::element element) {
  switch (element.type()) {
    case simdjson::dom::element_type::ARRAY:
      return "an array";
    case simdjson::dom::element_type::OBJECT:
      return "an object";
    case simdjson::dom::element_type::STRING:
      return "a string";
    case simdjson::dom::element_type::BOOL:
      return "a boolean";
    case simdjson::dom::element_type::NULL_VALUE:
      return "null";
    default:
      return "a number";
  }
}

void flatten_into(const JsonPart& part, std::string_view key, int depth, std::vector<JsonPart>& parts) {
  if (part.at("type").text() != "Sequence") {
    parts.push_back(part);
    if (parts.size() > kMaxComponents) part.fail(fmt::format("there are more than {} components", kMaxComponents));
    return;
  }
  if (depth == kMaxDepth) part.fail(fmt::format("Sequences are nested more than {} deep", kMaxDepth));
  for (const JsonPart& member : part.at(key).items()) flatten_into(member, key, depth + 1, parts);
}

}  // namespace

void JsonPart::fail(const std::string& problem, const std::string& hint) const {
  throw Error(one_line(where_, kMaxWhereBytes) + ": " + problem, hint);
}

void JsonPart::fail_unknown(std::string_view kind, std::string_view type) const {
  fail(fmt::format("the {} {} is not supported", kind, in_quotes(type)), kUseAnother);
}

void JsonPart::fail_type(std::string_view expected) const {
  fail(fmt::format("expected {}, found {}", expected, type_name(element_)));
}

std::optional<JsonPart> JsonPart::find(std::string_view key) const {
  simdjson::dom::element value;
  if (object().at_key(key).get(value) != simdjson::SUCCESS || value.is_null()) return std::nullopt;
  return JsonPart(value, fmt::format("{}.{}", where_, key));
}

JsonPart JsonPart::at(std::string_view key) const {
  simdjson::dom::element value;
  if (object().at_key(key).get(value) != simdjson::SUCCESS) fail(fmt::format("'{}' is missing", key));
  return JsonPart(value, fmt::format("{}.{}", where_, key));
}

std::string JsonPart::text() const {
  std::string_view value;
  if (element_.get(value) != simdjson::SUCCESS) fail_type("a string");
  return std::string(value);
}

bool JsonPart::flag() const {
  bool value = false;
  if (element_.get(value) != simdjson::SUCCESS) fail_type("true or false");
  return value;
}

bool JsonPart::flag_or(std::string_view key, bool otherwise) const {
  const auto value = find(key);
  return value ? value->flag() : otherwise;
}

std::int64_t JsonPart::integer() const {
  std::int64_t value = 0;
  if (element_.get(value) != simdjson::SUCCESS) fail_type("an integer");
  return value;
}

std::vector<JsonPart> JsonPart::items() const {
  std::vector<JsonPart> parts;
  for (const simdjson::dom::element item : array()) {
    if (parts.size() > kMaxComponents) fail(fmt::format("there are more than {} components", kMaxComponents));
    parts.emplace_back(item, fmt::format("{}[{}]", where_, parts.size()));
  }
  return parts;
}

simdjson::dom::object JsonPart::object() const {
  simdjson::dom::object value;
  if (element_.get(value) != simdjson::SUCCESS) fail_type("an object");
  return value;
}

simdjson::dom::array JsonPart::array() const {
  simdjson::dom::array value;
  if (element_.get(value) != simdjson::SUCCESS) fail_type("an array");
  return value;
}

std::vector<JsonPart> flatten_sequences(const JsonPart& part, std::string_view key) {
  std::vector<JsonPart> parts;
  flatten_into(part, key, 0, parts);
  return parts;
}

}  // namespace inferbench::tokenizer_json
