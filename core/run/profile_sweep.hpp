// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>

#include "measure/outcome.hpp"
#include "run/trial_sweep.hpp"

namespace inferbench {

/// Receives every profiled trial, or the reason why there is none (outcome.status).
using ProfileSink = std::function<void(const PlannedTrial& trial, const TrialOutcome& outcome)>;

/// Runs after the measured trials: every contender runs every point once more with the backend's recording on.
/// Recording costs time, so these trials are not part of any statistics. They use the prompt of the first block. One
/// contender is loaded at a time. Returns false if stop_requested returned true.
bool run_profiles(const SweepSetup& setup, const ProfileSink& sink);

}  // namespace inferbench
