// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "results/run_folder.hpp"

namespace inferbench {

/// Remarks on how far the results can be trusted, one line each: intervals that ignore the variation between processes,
/// disturbed trials, loads whose page cache was not as requested or that were interrupted, outliers (which are included
/// in the statistics), backends that use more or less memory than they report, unknown memory peaks, and backends that
/// did not shut down cleanly. Empty if there are none.
std::vector<std::string> run_notes(const RunData& run);

}  // namespace inferbench
