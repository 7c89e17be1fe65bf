// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string_view>

namespace inferbench {

/// The meaning of a precision's name, such as "fp32", "bf16", "int8", "q4_0".
struct PrecisionMeaning {
  int bits = 0;          ///< per weight, without scales
  bool integer = false;  ///< weights are integers times scales, and products can run in integer arithmetic

  friend bool operator==(const PrecisionMeaning&, const PrecisionMeaning&) = default;
};

/// nullopt if the name contains no bit count from 1 to 64.
std::optional<PrecisionMeaning> precision_meaning(std::string_view name);

/// Whether matrix products are compared with the machine's 8-bit integer peak rather than with its fp32 peak. The fp32
/// peak applies to a precision of unknown meaning.
bool multiplies_integers(const std::optional<PrecisionMeaning>& meaning);

/// The row of `table` that applies to a precision; rows have `bits` in descending order. Returns the row with the same
/// number of bits, or else the one with the next fewer bits, whose bounds are looser. Null if the bits are unknown, or
/// fewer than in every row.
template <typename Table>
const typename Table::value_type* row_by_bits(const Table& table, const std::optional<PrecisionMeaning>& meaning) {
  if (!meaning) return nullptr;
  for (const auto& row : table) {
    if (row.bits <= meaning->bits) return &row;
  }
  return nullptr;
}

}  // namespace inferbench
