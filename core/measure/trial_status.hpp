// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string_view>

#include "inferbench/backend.h"

namespace inferbench {

/// How a trial ended. Every planned trial gets exactly one.
enum class TrialStatus {
  kOk,
  kOom,          ///< the backend, the kernel or the memory limit said so
  kTimeout,      ///< longer than limits.timeout_s
  kCrashed,      ///< a signal, an exit, a broken protocol, a lost device or an internal error of the backend
  kUnsupported,  ///< well-formed, but this backend or machine cannot do it
  kInvalid,      ///< the backend refused the call as wrong
  kWrongOutput,  ///< ids or logits that cannot be right, or that differ from what they were
  kSkipped,      ///< not tried; the error says why
};

/// "ok", "oom", "timeout", "crashed", "unsupported", "invalid", "wrong_output", "skipped".
std::string_view to_string(TrialStatus status);
std::optional<TrialStatus> trial_status_from(std::string_view text);

/// What a status of the C ABI makes of a trial. IB_CANCELLED is kTimeout: the host asks for it for no other reason, and
/// where it did not ask, BackendContext has made IB_INTERNAL of it.
TrialStatus trial_status_of(ib_status status);

}  // namespace inferbench
