// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <concepts>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "support/json_integer.hpp"

namespace inferbench {

/// The view that FieldReader needs, over an object of nlohmann's library, which it borrows. Throws nlohmann's
/// exceptions.
class DomFields {
 public:
  explicit DomFields(const nlohmann::json& object) : object_(object) {}

  bool has(const char* key) const {
    const auto found = object_.find(key);
    return found != object_.end() && !found->is_null();
  }
  std::string text(const char* key) const { return object_.at(key).get<std::string>(); }
  double number(const char* key) const { return object_.at(key).get<double>(); }
  bool truth(const char* key) const { return object_.at(key).get<bool>(); }
  std::vector<double> numbers(const char* key) const { return object_.at(key).get<std::vector<double>>(); }
  template <std::integral Integer>
  Integer integer(const char* key) const {
    return integer_of<Integer>(object_.at(key));
  }

 private:
  const nlohmann::json& object_;
};

}  // namespace inferbench
