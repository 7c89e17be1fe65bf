// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <simdjson.h>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "support/error.hpp"

namespace inferbench::tokenizer_json {

/// What to do about a damaged file.
inline constexpr const char* kTakeAgain = "take tokenizer.json again from where the model came from";
/// What to do about a component that this program doesn't have.
inline constexpr const char* kUseAnother =
    "docs/tokenizers.md lists what is supported; use a model with such a tokenizer";

/// A value in tokenizer.json that knows where it is, so that an error names the file and the component. Borrows from
/// the parser. Every function throws Error if the value is of another type.
class JsonPart {
 public:
  /// `where`: such as "model/tokenizer.json: normalizer".
  JsonPart(simdjson::dom::element element, std::string where) : element_(element), where_(std::move(where)) {}

  const std::string& where() const { return where_; }
  simdjson::dom::element element() const { return element_; }

  /// The value under `key`. Throws Error if it is missing.
  JsonPart at(std::string_view key) const;
  /// The same; nothing if it is missing or null.
  std::optional<JsonPart> find(std::string_view key) const;

  std::string text() const;
  bool flag() const;
  bool flag_or(std::string_view key, bool otherwise) const;
  std::int64_t integer() const;
  std::vector<JsonPart> items() const;
  simdjson::dom::object object() const;
  simdjson::dom::array array() const;

  [[noreturn]] void fail(const std::string& problem, const std::string& hint = kTakeAgain) const;
  /// For a `kind` ("normalizer") of the type `type` that this program doesn't know.
  [[noreturn]] void fail_unknown(std::string_view kind, std::string_view type) const;

 private:
  [[noreturn]] void fail_type(std::string_view expected) const;

  simdjson::dom::element element_;
  std::string where_;
};

/// The components of `part` in order, Sequences (whose members are under `key`) replaced by their members. Throws
/// Error if they are nested too deep or are too many to be meant seriously.
std::vector<JsonPart> flatten_sequences(const JsonPart& part, std::string_view key);

}  // namespace inferbench::tokenizer_json
