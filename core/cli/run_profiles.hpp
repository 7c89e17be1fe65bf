// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "results/run_folder.hpp"
#include "run/trial_sweep.hpp"

namespace inferbench {

/// Runs every point once more with each backend's recording on, between two measurements of the machine's limits.
/// Writes a Chrome trace per contender and point beside run.json, and to stderr a table of each operation's time
/// against its floor: stdout stays what the run measured.
void write_profiles(const SweepSetup& setup, const RunFolder& folder);

}  // namespace inferbench
