// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "measure/outcome.hpp"
#include "measure/trial.hpp"
#include "plugin/backend.hpp"

namespace inferbench {

/// loop.run in `session`, which `call` calls, with the backend's recording on (extension inferbench.profile.v1); fills
/// outcome.profile and profile_dropped. Throws BackendError: IB_UNSUPPORTED where the backend has no such extension.
void run_profiled(const Plugin& plugin, const BackendSession& session, TrialLoop& loop, const SessionCall& call,
                  TrialOutcome& outcome);

}  // namespace inferbench
