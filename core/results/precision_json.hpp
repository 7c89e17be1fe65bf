// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>

#include "support/json_integer.hpp"
#include "support/precision.hpp"

namespace inferbench {

/// Adds weight_bits and integer_products to an object; nothing for an unknown meaning.
template <typename Json>
void put_precision(Json& object, const std::optional<PrecisionMeaning>& meaning) {
  if (!meaning) return;
  object["weight_bits"] = meaning->bits;
  object["integer_products"] = meaning->integer;
}

/// What put_precision added. Throws as nlohmann::json does, and Error for a number that is no int32.
template <typename Json>
std::optional<PrecisionMeaning> precision_from(const Json& object) {
  if (!object.contains("weight_bits")) return std::nullopt;
  return PrecisionMeaning{integer_of<std::int32_t>(object.at("weight_bits")),
                          object.at("integer_products").template get<bool>()};
}

}  // namespace inferbench
