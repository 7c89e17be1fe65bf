// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "report/comparison.hpp"
#include "report/headline.hpp"

namespace inferbench {

/// Where there are more than three points, an overview of all of them; then contenders side by side, point after point;
/// then what loading took and what memory was held; then what failed, each failure once. At most 100 columns, whether
/// for a terminal or a pipe. `colour`: ANSI codes around headings and verdicts.
std::string console_table(const Comparison& comparison, const std::vector<Headline>& headlines, bool colour);

}  // namespace inferbench
