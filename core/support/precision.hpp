// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string_view>

namespace inferbench {

/// What the name of a precision says, such as "fp32", "bf16", "int8", "q4_0".
struct PrecisionMeaning {
  int bits = 0;          ///< of a weight, scales left out
  bool integer = false;  ///< weights are integers times scales, and products can run in integer arithmetic
};

/// nullopt if the name has no number of bits from 1 to 64.
std::optional<PrecisionMeaning> precision_meaning(std::string_view name);

/// Whether products are compared with the 8-bit integer peak of a machine rather than with its fp32 peak.
bool multiplies_integers(std::string_view name);

/// The row of `table`, whose rows have `bits` in descending order, that a precision is judged by: its own, or the one
/// with the next fewer bits, whose bounds are looser. Null if the name has no bits, or fewer than all rows.
template <typename Table>
const typename Table::value_type* row_by_bits(const Table& table, std::string_view name) {
  const auto meaning = precision_meaning(name);
  if (!meaning) return nullptr;
  for (const auto& row : table) {
    if (row.bits <= meaning->bits) return &row;
  }
  return nullptr;
}

}  // namespace inferbench
