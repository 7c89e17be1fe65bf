// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <vector>

#include "conformance/mistakes.hpp"

namespace inferbench::conformance {

// The parts of known_mistakes(), each defined in its own file.
void add_formula_mistakes(std::vector<Mistake>& all);
void add_attention_mistakes(std::vector<Mistake>& all);
void add_sequence_mistakes(std::vector<Mistake>& all, const std::vector<std::int32_t>& positions);
void add_weight_mistakes(std::vector<Mistake>& all);
void add_rounding_mistakes(std::vector<Mistake>& all);

}  // namespace inferbench::conformance
