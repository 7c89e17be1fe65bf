// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <string>

#include "experiment/experiment.hpp"

namespace inferbench {

bool matches(const PointFilter& filter, const Point& point);

/// Number of conditions. If two filters match, the one with more conditions applies.
std::size_t conditions_of(const PointFilter& filter);

/// "prompt_tokens 512, batch 8"; empty if the filter matches every point.
std::string filter_text(const PointFilter& filter);

}  // namespace inferbench
