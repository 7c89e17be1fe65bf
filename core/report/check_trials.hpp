// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "report/check.hpp"
#include "results/trial_index.hpp"

namespace inferbench {

struct Judged {
  CheckVerdict verdict = CheckVerdict::kUnclear;
  std::string found;
};

/// Why a contender has no good measured trial at a point: "7 of 7 trials failed, the first crashed: signal 11", "not
/// run". Empty where it has one. `failed` tells a failure from a point that was never tried: one that the backend does
/// not support, or that was not run.
struct NoTrial {
  std::string why;
  bool failed = false;
};
NoTrial why_no_trial(const TrialIndex::Trials& trials);

/// A pass of a contender some of whose measured trials failed is none: nobody knows what these would have measured.
Judged counting_failures(Judged judged, const TrialIndex::Trials& trials);

/// Whether the values can be judged on a logarithmic scale. Otherwise `judged` says what they are: none, not numbers,
/// or all zero, which keeps every upper bound.
struct Judgeable {
  std::vector<double> values;  ///< positive; one a trial
  Judged judged;               ///< where there are none of them
};
Judgeable judgeable_values(const TrialIndex::Trials& trials, std::string_view metric, bool at_least);

/// "3 blocks: too few for a verdict, which needs 5"
std::string too_few_blocks_text(std::size_t blocks);

/// A value with its unit: "12.3 ms", "4.00 MiB", "104.7 tok/s", "0.25 s", "98.3%", "0.012 nats/token".
std::string value_text(std::string_view metric, double value);

}  // namespace inferbench
