// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "experiment/experiment.hpp"
#include "report/check.hpp"
#include "report/check_trials.hpp"
#include "results/trial_index.hpp"

namespace inferbench {

/// Judges a percentile against a number; `target.percentile` is set. k of the n values break the bound. Pass if at most
/// k has a probability of at most 0.5% when the percentile breaks the bound; fail if at least k has a probability of at
/// most 0.5% when it keeps it (the limits of Clopper and Pearson 1934, Biometrika 26). Gaps between tokens are
/// correlated within a trial, so for them the 99% interval of the trials' mean share must give the same verdict.
Judged judge_percentile(const Target& target, const TrialIndex::Trials& trials);

/// Judges the ratio of a percentile of all values to the baseline's, by a bootstrap over blocks (2000 resamples, fixed
/// seed; the interval is from 0.5% to 99.5% of the resampled ratios).
Judged judge_percentile_ratio(const Target& target, const TrialIndex::Trials& trials,
                              const TrialIndex::Trials& baseline);

}  // namespace inferbench
