// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "measure/outcome.hpp"
#include "measure/trial.hpp"
#include "plugin/plugin.hpp"

namespace inferbench {

/// loop.run with the backend's recording on (extension inferbench.profile.v1); fills outcome.profile and
/// profile_dropped. Throws BackendError: IB_UNSUPPORTED where the backend has no such extension.
ib_status run_profiled(const Plugin& plugin, TrialLoop& loop, const SessionCall& call, TrialOutcome& outcome);

}  // namespace inferbench
