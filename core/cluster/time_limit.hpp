// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

#include "experiment/experiment.hpp"

namespace inferbench {

/// Minutes that a task may take, for sbatch --time: the estimate of the longest of `shards` shards, four times as long
/// because it assumes an ordinary CPU, with the time that measure.until may add, and ten minutes for the machine's
/// limits, for loading and for quality.
std::int64_t time_limit_minutes(const Experiment& experiment, std::int32_t shards);

}  // namespace inferbench
