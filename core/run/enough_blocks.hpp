// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <vector>

#include "experiment/experiment.hpp"
#include "results/trial_record.hpp"

namespace inferbench {

/// Whether a point that has `blocks` blocks needs no more of them: measure.blocks are there, and measure.until, where
/// the experiment has one, is satisfied. That is when every contender's prefill and decode speed ratios to the baseline
/// were known to within ratio_interval after this block and after the one before it (once may be luck: it is small
/// spreads that stop), or a bound is reached. A contender that failed in the last block is not waited for.
///
/// `trials`: the rows of that point that count. Nothing but them decides, so that a resumed run decides alike.
bool enough_blocks(const Experiment& experiment, const std::vector<const TrialRecord*>& trials, std::int32_t blocks);

}  // namespace inferbench
