// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "experiment/plan.hpp"

namespace inferbench {

/// An experiment with only the shard's points.
Experiment shard_of(Experiment experiment, const Shard& shard);

/// Estimated seconds of the entire plan on an ordinary CPU: parameters x tokens / assumed rates, including loading and
/// cool-down. A rough estimate, good enough to tell a minute from an hour. For a part of an experiment's points, it
/// may count too many trials of contenders on a device.
double estimate_seconds(const Experiment& experiment);

/// The output of `run --plan` for the shard's points: models, contenders, points, trial counts and the estimate with
/// its assumptions. Ends with a newline.
std::string plan_text(const Experiment& experiment, const Shard& shard = {});

}  // namespace inferbench
