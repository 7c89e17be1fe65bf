// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "experiment/plan.hpp"

namespace inferbench {

/// An experiment with only the shard's points.
Experiment shard_of(Experiment experiment, const Shard& shard);

/// Estimated seconds of the entire plan on an ordinary CPU: parameters x tokens / assumed rates, including loading and
/// cool-down. A rough estimate, good enough to tell a minute from an hour.
double estimate_seconds(const Experiment& experiment);

/// The output of `run --plan`: models, contenders, points, trial counts and the estimate with its assumptions. Ends
/// with a newline.
std::string plan_text(const Experiment& experiment);

}  // namespace inferbench
