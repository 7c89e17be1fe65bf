// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>

#include "experiment/experiment.hpp"
#include "results/run_info.hpp"
#include "run/prompt_source.hpp"
#include "run/trial_sweep.hpp"
#include "worker/requests.hpp"

namespace inferbench {

/// The contender's runner: a worker, or a client of its server.
std::unique_ptr<TrialRunner> make_runner(const SweepSetup& setup, const Contender& contender);

/// The request that loads `contender`, whose library is `plugin`, for a point.
LoadRequest make_load_request(const Experiment& experiment, const Contender& contender, const PluginIdentity& plugin,
                              const Point& point);

/// Loads, and checks that the files have not changed since the run began: throws what setup.check_files throws.
LoadOutcome load_checked(const SweepSetup& setup, TrialRunner& runner, const LoadRequest& request);

/// The request for a trial of the point with the prompts of `stream`.
TrialRequest make_trial_request(const Experiment& experiment, std::int32_t point, std::uint64_t stream,
                                const PromptSource& prompts);

}  // namespace inferbench
