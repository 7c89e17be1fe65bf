// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "experiment/experiment.hpp"
#include "results/run_info.hpp"

namespace inferbench {

/// The section `serving` of the run's experiment, without scenarios and traces; the defaults if it has none.
Serving serving_of(const RunInfo& info);

}  // namespace inferbench
