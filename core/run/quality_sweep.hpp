// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "plugin/description.hpp"
#include "results/run_folder.hpp"
#include "run/trial_sweep.hpp"

namespace inferbench {

/// Runs before the trials if the experiment has `quality`: compares every contender once with `reference` on every
/// model, each in its own worker, and appends the missing rows to `folder`. A failure becomes a row.
///
/// Each window of the text (or of seeded tokens) is judged as by `perplexity`. Then one prompt is continued twice, with
/// another prompt in between, and must give the same ids.
///
/// Returns false if stop_requested returned true. Throws Error if the text cannot be read or a row cannot be written.
bool run_quality(const SweepSetup& setup, const PluginDescription& reference, RunFolder& folder);

}  // namespace inferbench
