// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>

#include "measure/outcome.hpp"
#include "run/trial_sweep.hpp"

namespace inferbench {

/// Is given every profiled trial, or why there is none (outcome.status).
using ProfileSink = std::function<void(const PlannedTrial& trial, const TrialOutcome& outcome)>;

/// After the measured trials: every contender runs every point once more with the backend's recording on, which costs
/// time and is therefore in no statistic. The trial has the prompt of the first block. One contender is loaded at a
/// time. Returns false when stop_requested said stop.
bool run_profiles(const SweepSetup& setup, const ProfileSink& sink);

}  // namespace inferbench
