// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "results/run_folder.hpp"
#include "run/trial_sweep.hpp"

namespace inferbench {

/// Runs every point once more with each backend's recording on. Measures the machine's limits first if the run has
/// none. Writes a Chrome trace per contender and point next to run.json, and a table of each operation's time against
/// its floor to stderr, since stdout has the run's results.
void write_profiles(const SweepSetup& setup, const RunFolder& folder);

}  // namespace inferbench
