// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "report/comparison.hpp"

namespace inferbench {

/// Contenders side by side, point after point; then what loading took and what memory was held; then what failed. At
/// most 100 columns. `colour`: ANSI codes around headings and verdicts.
std::string console_table(const Comparison& comparison, bool colour);

}  // namespace inferbench
