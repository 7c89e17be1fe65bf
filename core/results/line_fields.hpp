// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <simdjson.h>

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace inferbench {

/// The fields of FieldReader, read from a simdjson object; simdjson parses hundreds of thousands of rows per second.
/// Borrows from the parser. Throws std::runtime_error, including simdjson's exceptions.
class LineFields {
 public:
  explicit LineFields(const simdjson::dom::object& object) {
    fields_.reserve(object.size());
    for (const auto field : object) fields_.emplace_back(field.key, field.value);
  }

  bool has(std::string_view key) const {
    const auto* found = find(key);
    return found != nullptr && !found->is_null();
  }
  std::string text(std::string_view key) const { return text_from(key, at(key)); }
  double number(std::string_view key) const { return as<double>(key, at(key)); }
  bool truth(std::string_view key) const { return as<bool>(key, at(key)); }
  std::vector<double> numbers(std::string_view key) const {
    const auto array = as<simdjson::dom::array>(key, at(key));
    std::vector<double> values;
    values.reserve(array.size());
    for (const auto value : array) values.push_back(as<double>(key, value));
    return values;
  }
  template <std::integral Integer>
  Integer integer(std::string_view key) const {
    return integer_from<Integer>(key, at(key));
  }
  LineFields object(std::string_view key) const { return LineFields(as<simdjson::dom::object>(key, at(key))); }

 private:
  // Rows are read in the order in which they were written, some keys twice in a row: a search usually ends at the key
  // that was found last, or after it.
  const simdjson::dom::element* find(std::string_view key) const {
    const std::size_t n = fields_.size();
    for (std::size_t i = 0, at = next_; i < n; ++i, ++at) {
      if (at >= n) at = 0;
      if (fields_[at].first != key) continue;
      next_ = at;
      return &fields_[at].second;
    }
    return nullptr;
  }
  simdjson::dom::element at(std::string_view key) const {
    if (const auto* found = find(key)) return *found;
    throw std::runtime_error("'" + std::string(key) + "' is missing");
  }
  template <typename T>
  static T as(std::string_view key, const simdjson::dom::element& element) {
    T value;
    if (element.get(value) == simdjson::SUCCESS) return value;
    throw std::runtime_error("'" + std::string(key) + "' has the wrong type");
  }
  static std::string text_from(std::string_view key, const simdjson::dom::element& element) {
    return std::string(as<std::string_view>(key, element));
  }
  template <std::integral Integer>
  static Integer integer_from(std::string_view key, const simdjson::dom::element& value) {
    if (value.is<std::uint64_t>()) {
      const auto number = std::uint64_t(value);
      if (std::in_range<Integer>(number)) return static_cast<Integer>(number);
    } else if (value.is<std::int64_t>()) {
      const auto number = std::int64_t(value);
      if (std::in_range<Integer>(number)) return static_cast<Integer>(number);
    }
    throw std::runtime_error("'" + std::string(key) + "' is not an integer in range");
  }

  std::vector<std::pair<std::string_view, simdjson::dom::element>> fields_;
  mutable std::size_t next_ = 0;  ///< where the next search starts
};

}  // namespace inferbench
