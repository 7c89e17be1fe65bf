// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "results/run_info.hpp"

namespace inferbench {

/// The differences between the experiments of two runs, one line each, such as "measure.blocks: 7, now 5"; empty if
/// there are none. Files are compared by content, not by place: models by same_model, texts by their SHA-256 (if both
/// runs have it). Other paths are compared relative to the experiment file. Backends are compared by file name only:
/// the caller must check whether they are the same build.
std::vector<std::string> experiment_differences(const RunInfo& before, const RunInfo& now);

}  // namespace inferbench
