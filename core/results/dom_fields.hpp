// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <concepts>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "results/optional_json.hpp"
#include "support/json_integer.hpp"

namespace inferbench {

/// The Fields of outcome_fields.hpp over an object of nlohmann's library, borrowed. Throws nlohmann's exceptions.
class DomFields {
 public:
  explicit DomFields(const nlohmann::json& object) : object_(object) {}

  bool has(const char* key) const {
    const auto found = object_.find(key);
    return found != object_.end() && !found->is_null();
  }
  std::string text(const char* key) const { return object_.at(key).get<std::string>(); }
  std::string text_or(const char* key, const std::string& fallback) const { return has(key) ? text(key) : fallback; }
  double number(const char* key) const { return object_.at(key).get<double>(); }
  std::optional<double> number_or_none(const char* key) const { return inferbench::number_or_none(object_, key); }
  bool truth(const char* key) const { return object_.at(key).get<bool>(); }
  bool truth_or(const char* key, bool fallback) const { return has(key) ? truth(key) : fallback; }
  std::vector<double> numbers(const char* key) const { return object_.at(key).get<std::vector<double>>(); }
  template <std::integral Integer>
  Integer integer(const char* key) const {
    return integer_of<Integer>(object_.at(key));
  }
  template <std::integral Integer>
  std::optional<Integer> integer_or_none(const char* key) const {
    return has(key) ? std::optional(integer<Integer>(key)) : std::nullopt;
  }
  template <std::integral Integer>
  Integer integer_or(const char* key, Integer fallback) const {
    return has(key) ? integer<Integer>(key) : fallback;
  }

 private:
  const nlohmann::json& object_;
};

}  // namespace inferbench
