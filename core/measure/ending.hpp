// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "measure/trial_status.hpp"

namespace inferbench {

/// How a request to a worker ended: the common part of all outcomes.
struct Ending {
  TrialStatus status = TrialStatus::kSkipped;
  std::string error;        ///< one line; empty if ok
  std::string stderr_tail;  ///< the last lines that the worker printed; empty if ok

  bool ok() const { return status == TrialStatus::kOk; }
};

}  // namespace inferbench
