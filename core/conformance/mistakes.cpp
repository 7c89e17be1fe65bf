// SPDX-License-Identifier: Apache-2.0
#include "conformance/mistakes.hpp"

#include <fmt/format.h>

#include <charconv>
#include <utility>

#include "conformance/mistake_lists.hpp"
#include "support/error.hpp"

namespace inferbench::conformance {

std::vector<Mistake> known_mistakes(const std::vector<std::int32_t>& positions) {
  std::vector<Mistake> all;
  add_formula_mistakes(all);
  add_attention_mistakes(all);
  add_sequence_mistakes(all, positions);
  add_weight_mistakes(all);
  add_rounding_mistakes(all);
  return all;
}

std::vector<Mistake> near_misses() {
  std::vector<Mistake> all = known_mistakes();
  std::erase_if(all, [](const Mistake& mistake) {
    return !mistake.judge_as.empty() || mistake.id.ends_with(".first") || mistake.id.ends_with(".last") ||
           mistake.id.starts_with("activation.always");
  });
  return all;
}

std::optional<std::int32_t> position_of(std::string_view id) {
  const auto at = id.find('@');
  std::int32_t value = 0;
  if (at == std::string_view::npos) return {};
  const auto result = std::from_chars(id.data() + at + 1, id.data() + id.size(), value);
  return result.ec == std::errc{} && value > 0 ? std::optional(value) : std::nullopt;
}

Mistake find_mistake(std::string_view id) {
  const auto position = position_of(id);
  for (Mistake& mistake : known_mistakes(position ? std::vector{*position} : std::vector<std::int32_t>{})) {
    if (mistake.id == id) return std::move(mistake);
  }
  throw Error(fmt::format("there is no mistake '{}'", id));
}

}  // namespace inferbench::conformance
