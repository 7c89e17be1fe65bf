// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <vector>

#include "experiment/experiment.hpp"
#include "results/trial_record.hpp"

namespace inferbench {

/// Whether a point that has `blocks` blocks needs no more of them: it has measure.blocks, and measure.until, if given,
/// is satisfied. That is the case if every contender's prefill and decode speed ratios to the baseline were known to
/// within ratio_interval after this block and after the one before it (one block may be luck, since stopping favors
/// small spreads), or if a limit is reached. A contender that failed in the last block is not waited for.
///
/// `trials`: the rows of that point that count. The decision depends only on them, so a resumed run decides the same.
bool enough_blocks(const Experiment& experiment, const std::vector<const TrialRecord*>& trials, std::int32_t blocks);

}  // namespace inferbench
