// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "measure/trial_status.hpp"

namespace inferbench {

/// How something that a worker was asked to do ended: the common part of all outcomes.
struct Ending {
  TrialStatus status = TrialStatus::kSkipped;
  std::string error;        ///< one line, unless ok
  std::string stderr_tail;  ///< the last lines that the worker printed, unless ok

  bool ok() const { return status == TrialStatus::kOk; }
};

}  // namespace inferbench
