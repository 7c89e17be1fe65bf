// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "results/run_folder.hpp"

namespace inferbench {

/// How far each contender deviates: KL divergence and agreement with the reference, per model, if the run measured
/// them; then how many trials emitted the same ids as the baseline. Empty if there is nothing to show. At most 100
/// columns.
std::string quality_table(const RunData& run, bool colour);

}  // namespace inferbench
