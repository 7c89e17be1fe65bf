// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <string>

#include "experiment/experiment.hpp"

namespace inferbench {

bool matches(const PointFilter& filter, const Point& point);

/// How many conditions it has: of two filters that match, the one with more is meant.
std::size_t conditions_of(const PointFilter& filter);

/// "prompt_tokens 512, batch 8"; empty where everything matches.
std::string filter_text(const PointFilter& filter);

}  // namespace inferbench
