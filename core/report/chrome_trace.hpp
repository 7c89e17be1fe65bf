// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "measure/outcome.hpp"

namespace inferbench {

/// A profiled trial in the Trace Event Format (complete events, one row per thread), for chrome://tracing and Perfetto.
/// Times start at the submission. `title` names the process.
std::string chrome_trace(const TrialOutcome& outcome, const std::string& title);

}  // namespace inferbench
