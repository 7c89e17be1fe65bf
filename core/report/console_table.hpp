// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "report/comparison.hpp"
#include "report/headline.hpp"

namespace inferbench {

/// With more than three points, first an overview of all of them. Then one table of all contenders per point, the costs
/// of loading and memory, and each failure once. At most 100 columns, on a terminal and in a pipe. `colour`: ANSI codes
/// around headings and verdicts.
std::string console_table(const Comparison& comparison, const std::vector<Headline>& headlines, bool colour);

}  // namespace inferbench
