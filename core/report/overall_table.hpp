// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "report/console_style.hpp"
#include "report/headline.hpp"

namespace inferbench {

/// Decode and prefill speed of each contender (rows) at each point (columns, as many as fit, then again), with a mark
/// for the verdict; of the baseline, tokens per second. Begins with a newline; at most kConsoleWidth columns.
std::string overall_table(const Comparison& comparison, const std::vector<Headline>& headlines,
                          const ConsoleStyle& style);

}  // namespace inferbench
