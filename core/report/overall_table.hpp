// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "report/console_style.hpp"
#include "report/headline.hpp"

namespace inferbench {

/// Decode and prefill speed of each contender (rows) at each point (columns, wrapped into several tables), with a mark
/// for the verdict; tokens per second for the baseline. Starts with a newline; at most kConsoleWidth columns.
std::string overall_table(const Comparison& comparison, const std::vector<Headline>& headlines,
                          const ConsoleStyle& style);

}  // namespace inferbench
