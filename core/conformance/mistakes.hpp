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

/// Something that a backend can get wrong.
struct Mistake {
  std::string id;    ///< such as "transposed.attn.c_proj"
  std::string text;  ///< one line, for people: "attn.c_proj.weight is read as [out, in]"
  std::function<void(Draft&)> apply;
  /// The precision by which the backend should be judged if this is meant: it is not a mistake, but rounding. Else "".
  std::string judge_as;
};

/// Every mistake that is known. Those of one weight come three times: in all layers, in the first only, in the last
/// only. Those that begin at a position come once for each of `positions`, which are above 0.
std::vector<Mistake> known_mistakes(const std::vector<std::int32_t>& positions = {});

/// The same without rounding and without variants that one of them tells of, such as single layers: what each case is
/// compared with even where all seems well.
std::vector<Mistake> near_misses();

/// The position at which a mistake begins, by its id.
std::optional<std::int32_t> position_of(std::string_view id);

/// By its id; one that begins at a position has it in its id. Throws Error where there is none.
Mistake find_mistake(std::string_view id);

}  // namespace inferbench::conformance
