// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "measure/outcome.hpp"
#include "measure/trial.hpp"
#include "plugin/backend.hpp"

namespace inferbench {

/// Runs `loop` in `session`, to which `call` belongs, with the backend's recording on (extension
/// inferbench.profile.v1); fills outcome.profile and profile_dropped. Throws BackendError; IB_UNSUPPORTED if the
/// backend does not have the extension.
void run_profiled(const Plugin& plugin, const BackendSession& session, TrialLoop& loop, const SessionCall& call,
                  TrialOutcome& outcome);

}  // namespace inferbench
