// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "results/run_folder.hpp"

namespace inferbench {

/// How far each contender strays: KL and agreement with the reference, model after model, where the run measured them;
/// and how many trials emitted the ids that the baseline did. Empty where there is nothing to say. At most 100 columns.
std::string quality_table(const RunData& run, bool colour);

}  // namespace inferbench
