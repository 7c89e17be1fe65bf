// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "plugin/description.hpp"
#include "results/run_folder.hpp"
#include "run/trial_sweep.hpp"

namespace inferbench {

/// Before the trials, where the experiment has `quality`: every contender is compared once with `reference` on every
/// model, in a worker of its own, and `folder` gets a row for each that it does not hold yet. What fails is a row.
///
/// Each window of the text (or of seeded tokens) is judged as `perplexity` does; then one prompt is generated from
/// twice, with another in between, and must give the same ids again.
///
/// Returns false when stop_requested said stop. Throws Error where the text cannot be read, or a row not be written.
bool run_quality(const SweepSetup& setup, const PluginDescription& reference, RunFolder& folder);

}  // namespace inferbench
