// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "analyze/analysis.hpp"

namespace inferbench {

/// The analysis as text of at most 100 columns, ending with a newline.
std::string analysis_table(const AnalysisResult& result);

}  // namespace inferbench
