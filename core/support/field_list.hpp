// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <concepts>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "support/error.hpp"
#include "support/optional_json.hpp"

namespace inferbench {

// A type that is stored as JSON lists its fields once, in a function template
//
//   template <typename Archive, typename Value>
//   void walk_value(Archive& archive, Value& value) { archive.text("error", value.error); ... }
//
// FieldWriter and FieldReader both walk that list: the first fills a JSON object, the second fills the value, which
// starts with its defaults.

/// Reads through a view of one JSON object, from any library. The view provides:
///   std::string text(key); double number(key); bool truth(key); std::vector<double> numbers(key);
///   Integer integer<Integer>(key); bool has(key), true if the key is there and not null
/// Each of them throws its library's exception if a key is missing or has the wrong type.
template <typename Fields>
class FieldReader {
 public:
  explicit FieldReader(const Fields& fields) : fields_(fields) {}

  void text(const char* key, std::string& value) { value = fields_.text(key); }
  /// For a key that earlier versions did not write.
  void later_text(const char* key, std::string& value) { text_or_null(key, value); }
  /// Null and missing leave the default.
  void text_or_null(const char* key, std::string& value) {
    if (fields_.has(key)) value = fields_.text(key);
  }
  void text_if_any(const char* key, std::string& value) { text_or_null(key, value); }

  void number(const char* key, double& value) { value = fields_.number(key); }
  void number(const char* key, std::optional<double>& value) {
    if (fields_.has(key)) value = fields_.number(key);
  }
  void number_if(bool /*known*/, const char* key, double& value) {
    if (fields_.has(key)) value = fields_.number(key);
  }
  void numbers(const char* key, std::vector<double>& value) { value = fields_.numbers(key); }

  template <std::integral Integer>
  void integer(const char* key, Integer& value) {
    value = fields_.template integer<Integer>(key);
  }
  template <std::integral Integer>
  void integer(const char* key, std::optional<Integer>& value) {
    if (fields_.has(key)) value = fields_.template integer<Integer>(key);
  }
  /// For a key that earlier versions did not write.
  template <std::integral Integer>
  void later_integer(const char* key, Integer& value) {
    if (fields_.has(key)) value = fields_.template integer<Integer>(key);
  }

  /// A memory size. Earlier versions wrote 0 for an unknown size.
  void bytes(const char* key, std::optional<std::uint64_t>& value) {
    integer(key, value);
    if (value == 0) value.reset();
  }
  /// 0 if unknown.
  void bytes(const char* key, std::uint64_t& value) { later_integer(key, value); }

  /// Null and missing leave the default.
  void truth(const char* key, bool& value) {
    if (fields_.has(key)) value = fields_.truth(key);
  }
  void truth(const char* key, std::optional<bool>& value) {
    if (fields_.has(key)) value = fields_.truth(key);
  }

  /// An enumeration value with a name: `from` converts text to the value, or returns nullopt.
  template <typename Code, typename ToText, typename FromText>
  void named(const char* key, Code& code, ToText /*to_text*/, FromText from_text) {
    const std::string text = fields_.text(key);
    const auto found = from_text(text);
    if (!found) throw Error(std::string("unknown ") + key + " '" + text + "'");
    code = *found;
  }

  /// Optional fields of the same object that are all present or all absent: `key` is one of them and tells which.
  template <typename Value, typename Walk>
  void group(const char* key, std::optional<Value>& value, Walk walk) {
    if (!fields_.has(key)) return;
    walk(*this, value.emplace());
  }

  /// The same, for fields that few objects have: not written if absent.
  template <typename Value, typename Walk>
  void later_group(const char* key, std::optional<Value>& value, Walk walk) {
    group(key, value, walk);
  }

  /// Written for other programs; it follows from the other fields.
  template <typename Value>
  void derived(const char* /*key*/, const Value& /*value*/) {}

 private:
  const Fields& fields_;
};

/// Writes into an object of nlohmann's library, ordered or not. Absent values are written as null.
template <typename Json>
class FieldWriter {
 public:
  explicit FieldWriter(Json& object) : object_(object) {}

  void text(const char* key, const std::string& value) { put(key, value); }
  void later_text(const char* key, const std::string& value) { put(key, value); }
  void text_or_null(const char* key, const std::string& value) {
    put(key, value.empty() ? Json(nullptr) : Json(value));
  }
  void text_if_any(const char* key, const std::string& value) {
    if (!value.empty()) put(key, value);
  }
  void number(const char* key, double value) { put(key, value); }
  void number(const char* key, const std::optional<double>& value) { put_optional(key, value); }
  void number_if(bool known, const char* key, double value) { put(key, known ? Json(value) : Json(nullptr)); }
  void numbers(const char* key, const std::vector<double>& value) {
    object_[key] = absent_ ? Json::array() : Json(value);
  }
  template <std::integral Integer>
  void integer(const char* key, Integer value) {
    put(key, value);
  }
  template <std::integral Integer>
  void integer(const char* key, const std::optional<Integer>& value) {
    put_optional(key, value);
  }
  template <std::integral Integer>
  void later_integer(const char* key, Integer value) {
    put(key, value);
  }
  void bytes(const char* key, const std::optional<std::uint64_t>& value) { put_optional(key, value); }
  void bytes(const char* key, std::uint64_t value) { put(key, value > 0 ? Json(value) : Json(nullptr)); }
  void truth(const char* key, bool value) { put(key, value); }
  void truth(const char* key, const std::optional<bool>& value) { put_optional(key, value); }
  template <typename Code, typename ToText, typename FromText>
  void named(const char* key, const Code& code, ToText to_text, FromText /*from_text*/) {
    put(key, to_text(code));
  }
  template <typename Value, typename Walk>
  void group(const char* /*key*/, const std::optional<Value>& value, Walk walk) {
    if (value) {
      walk(*this, *value);
      return;
    }
    absent_ = true;  // the same keys, with nulls
    const Value none{};
    walk(*this, none);
    absent_ = false;
  }
  template <typename Value, typename Walk>
  void later_group(const char* key, const std::optional<Value>& value, Walk walk) {
    if (value) group(key, value, walk);
  }
  template <typename Value>
  void derived(const char* key, const Value& value) {
    put(key, value);
  }
  template <typename Value>
  void derived(const char* key, const std::optional<Value>& value) {
    put_optional(key, value);
  }

 private:
  template <typename Value>
  void put(const char* key, const Value& value) {
    object_[key] = absent_ ? Json(nullptr) : Json(value);
  }
  template <typename Value>
  void put_optional(const char* key, const std::optional<Value>& value) {
    if (value) {
      put(key, *value);
    } else {
      object_[key] = nullptr;
    }
  }

  Json& object_;
  bool absent_ = false;
};

}  // namespace inferbench
