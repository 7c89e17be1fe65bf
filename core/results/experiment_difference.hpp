// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "results/run_info.hpp"

namespace inferbench {

/// Where the experiments of two runs differ, a line each such as "measure.blocks: 7, now 5"; empty where they are the
/// same. What a file holds counts, not where it is: models are compared by same_model, texts by their SHA-256 (where
/// both runs kept it), other paths relative to the experiment file. Backends are compared by their file names: whether
/// they are the same build is for the caller to ask.
std::vector<std::string> experiment_differences(const RunInfo& before, const RunInfo& now);

}  // namespace inferbench
