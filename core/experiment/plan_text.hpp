// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "experiment/plan.hpp"

namespace inferbench {

/// Seconds that the whole plan may take on an ordinary CPU: parameters x tokens / assumed rates, loading and cool-down
/// included. Rough by design; good enough to tell a minute from an hour.
double estimate_seconds(const Experiment& experiment);

/// What `run --plan` prints: models, contenders, points, counts of trials and the estimate with its assumptions; ends
/// with a newline.
std::string plan_text(const Experiment& experiment);

}  // namespace inferbench
