// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "report/check.hpp"
#include "report/console_style.hpp"

namespace inferbench {

/// One row per requirement and one column per contender, both in the order of the results: "pass", or over several
/// points "fail 1 of 4". At most kConsoleWidth columns: contenders that do not fit go into another table below. Ends
/// with a newline; empty for no results.
std::string check_matrix(const std::vector<CheckResult>& results, const ConsoleStyle& style);

}  // namespace inferbench
