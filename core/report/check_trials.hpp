// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "results/trial_index.hpp"

namespace inferbench {

/// Why a contender has no good measured trial at a point: "crashed x3: killed by signal 11", "not run". Empty where it
/// has one; `failed` tells a failure from a point that was never tried.
struct NoTrial {
  std::string why;
  bool failed = false;
};
NoTrial why_no_trial(const TrialIndex::Trials& trials);

/// A value with its unit: "12.3 ms", "4.00 MiB", "104.7 tok/s", "0.25 s".
std::string value_text(std::string_view metric, double value);

}  // namespace inferbench
