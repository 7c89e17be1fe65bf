// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "results/run_folder.hpp"

namespace inferbench {

/// What a reader of the results should know about how they were measured, a line each: intervals that leave
/// the choice of processes out, disturbed trials, loads whose
/// page cache was not as asked, outliers (which are in the statistics all the same), and backends that hold more or
/// less memory than they say, peaks that are unknown, loads that something stopped, and backends that did not end well.
/// Empty where there is nothing to say.
std::vector<std::string> run_notes(const RunData& run);

}  // namespace inferbench
