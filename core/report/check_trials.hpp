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
/// run". Empty if it has one. `failed` is true for a failure, and false if the backend does not support the point or it
/// was not run.
struct NoTrial {
  std::string why;
  bool failed = false;
};
NoTrial why_no_trial(const TrialIndex::Trials& trials);

/// Turns a pass into unclear if some of the contender's measured trials failed, because their values are unknown.
Judged counting_failures(Judged judged, const TrialIndex::Trials& trials);

/// Values that can be judged on a logarithmic scale. If there are none, `judged` gives the result for: no values,
/// values that are not numbers, or zeros. If all values are zero, they keep every upper bound.
struct Judgeable {
  std::vector<double> values;  ///< positive; one per trial
  Judged judged;               ///< used if `values` is empty
};
Judgeable judgeable_values(const TrialIndex::Trials& trials, std::string_view metric, bool at_least);

/// "3 blocks: too few for a verdict, which needs 5"
std::string too_few_blocks_text(std::size_t blocks);

/// A value with its unit: "12.3 ms", "4.00 MiB", "104.7 tok/s", "0.25 s", "98.3%", "0.012 nats/token".
std::string value_text(std::string_view metric, double value);

}  // namespace inferbench
