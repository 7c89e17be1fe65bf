// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "experiment/experiment.hpp"
#include "experiment/plan.hpp"
#include "results/run_info.hpp"
#include "worker/prompt_source.hpp"
#include "worker/requests.hpp"

namespace inferbench {

/// Loads `contender`, whose library is `plugin`, for a point.
LoadRequest make_load_request(const Experiment& experiment, const Contender& contender, const PluginIdentity& plugin,
                              const Point& point);

/// Runs a planned trial with its prompts.
TrialRequest make_trial_request(const Experiment& experiment, const PlannedTrial& trial, const PromptSource& prompts);

}  // namespace inferbench
