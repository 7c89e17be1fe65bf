// SPDX-License-Identifier: Apache-2.0
#include "plugin/logit_check.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdint>

namespace inferbench {

namespace {

// A quiet NaN with a payload that arithmetic does not produce.
constexpr std::uint32_t kUnwritten = 0x7fc1'fe57U;

}  // namespace

std::string describe(const WrongLogit& wrong) {
  return fmt::format("the logit of token {} {}", wrong.token, wrong_value_text(wrong.value));
}

std::string_view wrong_value_text(const std::optional<float>& value) {
  if (!value) return "was not written";
  if (std::isnan(*value)) return "is NaN";
  return *value > 0 ? "is infinite" : "is minus infinity";
}

void mark_unwritten(std::span<float> logits) {
  std::fill(logits.begin(), logits.end(), std::bit_cast<float>(kUnwritten));
}

std::optional<WrongLogit> find_wrong_logit(std::span<const float> logits, std::size_t vocab) {
  const auto found = std::find_if(logits.begin(), logits.end(), [](float logit) { return !std::isfinite(logit); });
  if (found == logits.end()) return std::nullopt;
  const auto at = static_cast<std::size_t>(found - logits.begin());
  WrongLogit wrong{at / vocab, at % vocab, std::nullopt};
  if (std::bit_cast<std::uint32_t>(*found) != kUnwritten) wrong.value = *found;
  return wrong;
}

}  // namespace inferbench
