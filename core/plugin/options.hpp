// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "inferbench/backend.h"
#include "plugin/description.hpp"

namespace inferbench {

/// Option values for one model_create: checked against the schema, with defaults filled in, in the schema's order.
/// Immutable; copies share the data.
class OptionValues {
 public:
  /// `given`: key -> value as text (as YAML spells it). Throws Error that lists the accepted values, with the nearest
  /// known key or choice.
  OptionValues(std::span<const OptionDescription> schema, const std::map<std::string, std::string>& given);

  /// The values borrow from *this (or a copy).
  std::span<const ib_option_value> values() const;
  /// key -> text for every option, defaults included, in a normal form ("true", "64", "0.5").
  const std::map<std::string, std::string>& as_text() const;

 private:
  struct Data;
  std::shared_ptr<const Data> data_;
};

/// Throws Error if `option` does not accept `value`. The message has no position (the caller adds file:line).
void check_option(const OptionDescription& option, std::string_view value);

/// The type's name for listings: "bool", "int", "float", "choice", "text"; empty if unknown.
std::string_view option_type_name(std::int32_t type);

/// What the option accepts, for messages and listings: "a whole number from 1 to 64", "one of f32, f16".
std::string option_range(const OptionDescription& option);

}  // namespace inferbench
