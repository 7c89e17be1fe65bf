// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "experiment/experiment.hpp"
#include "report/check.hpp"
#include "report/check_trials.hpp"
#include "results/trial_index.hpp"

namespace inferbench {

/// A percentile against a number, `target.percentile` set. With n values of which k break the bound: pass where so few
/// have a probability of at most 0.5% if the percentile broke the bound, fail where so many have one of at most 0.5% if
/// it kept it (the limits of Clopper and Pearson 1934, Biometrika 26). Gaps between tokens hang together within a
/// trial: for them the mean share of a trial must be clear of the allowed share by its own 99% interval, too.
Judged judge_percentile(const Target& target, const TrialIndex::Trials& trials);

/// A percentile of all values against the baseline's, by a bootstrap over blocks (2000 resamples, fixed seed, 0.5% and
/// 99.5% of the resampled ratios).
Judged judge_percentile_ratio(const Target& target, const TrialIndex::Trials& trials,
                              const TrialIndex::Trials& baseline);

}  // namespace inferbench
