// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "conformance/mistaken_model.hpp"

namespace inferbench::conformance {

/// A mistake that a backend can make.
struct Mistake {
  std::string id;    ///< such as "transposed.attn_out"
  std::string text;  ///< one line, for people: "attn_out.weight is read as [inputs, outputs]"
  std::function<void(Draft&)> apply;
  /// The precision by which the backend should be judged if this is intended: it is rounding, not a mistake. Otherwise
  /// "".
  std::string judge_as;
};

/// Every known mistake. Mistakes in one weight come three times: in all layers, in the first only, in the last only.
/// Mistakes that begin at a position come once for each of `positions`, which must be above 0.
std::vector<Mistake> known_mistakes(const std::vector<std::int32_t>& positions = {});

/// Known mistakes without rounding, and without variants that another one covers, such as single layers. Each case is
/// compared with them even if everything seems correct.
std::vector<Mistake> near_misses();

/// The position at which a mistake begins, from its id.
std::optional<std::int32_t> position_of(std::string_view id);

/// Finds a mistake by its id, which includes the position for mistakes that begin at one. Throws Error if there is
/// none.
Mistake find_mistake(std::string_view id);

}  // namespace inferbench::conformance
