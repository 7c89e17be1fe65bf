// SPDX-License-Identifier: Apache-2.0
#include "support/precision.hpp"

#include <algorithm>
#include <array>
#include <charconv>

namespace inferbench {

std::optional<PrecisionMeaning> precision_meaning(std::string_view name) {
  const auto first = name.find_first_of("0123456789");
  if (first == std::string_view::npos) return std::nullopt;
  PrecisionMeaning meaning;
  const std::string_view digits = name.substr(first);
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), meaning.bits);
  if (error != std::errc() || meaning.bits < 1 || meaning.bits > 64) return std::nullopt;
  // "w4a16" has 4-bit weights; "q8_0" and "iq4_xs" are GGUF's. "fp8", "bf16" and "mxfp4" are not integers.
  constexpr std::array<std::string_view, 6> kIntegers{"int", "uint", "i", "w", "q", "iq"};
  meaning.integer = std::find(kIntegers.begin(), kIntegers.end(), name.substr(0, first)) != kIntegers.end();
  return meaning;
}

bool multiplies_integers(const std::optional<PrecisionMeaning>& meaning) {
  return meaning && meaning->integer;
}

}  // namespace inferbench
