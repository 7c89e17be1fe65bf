// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <concepts>
#include <cstdint>
#include <limits>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>

namespace inferbench {

/// `json` as an integer. get<Integer>() converts any number (1e300 to an integer is undefined, 2^40 to 32 bits wraps
/// around); this throws nlohmann's type_error unless the value is an integer that fits the type.
template <std::integral Integer, typename Json>
Integer integer_of(const Json& json) {
  if (json.is_number_unsigned()) {
    const auto value = json.template get<std::uint64_t>();
    if (value <= static_cast<std::uint64_t>(std::numeric_limits<Integer>::max())) return static_cast<Integer>(value);
  } else if (json.is_number_integer()) {
    const auto value = json.template get<std::int64_t>();
    if (std::in_range<Integer>(value)) return static_cast<Integer>(value);
  }
  throw nlohmann::json::type_error::create(
      302, std::string("not an integer in range: ") + (json.is_number() ? json.dump() : json.type_name()), &json);
}

}  // namespace inferbench
