// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <vector>

#include "golden/fixture.hpp"
#include "model/model.hpp"

namespace inferbench::golden {

/// The model's weights, with those of the layers' products moved to numbers that a 4-bit format can hold exactly: steps
/// of `group` inputs each, with codes from -7 to 7 of which one is 7 or -7, and multipliers from 1 to 16 of a scale per
/// channel; each step is a bfloat16 number. What a 4-bit backend loses on them comes from its activations, its head and
/// its cache alone, so that its logits can be held to narrow bounds.
Weights grid_weights(const Weights& weights, std::size_t group);

/// The cases with the logits and greedy ids that these weights have in float64.
std::vector<Case> with_float64_results(std::vector<Case> cases, const Weights& weights);

}  // namespace inferbench::golden
