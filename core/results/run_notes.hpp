// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "results/run_folder.hpp"

namespace inferbench {

/// What affects how far the results can be trusted, one line each: intervals that leave out the choice of processes,
/// disturbed trials, loads whose page cache was not as asked or that something stopped, outliers (which are in the
/// statistics), backends that use more or less memory than they report, unknown memory peaks, and backends that did not
/// end well. Empty where there is nothing to say.
std::vector<std::string> run_notes(const RunData& run);

}  // namespace inferbench
