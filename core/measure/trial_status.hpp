// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string_view>

#include "inferbench/backend.h"

namespace inferbench {

/// How a trial ended. Every planned trial gets exactly one.
enum class TrialStatus {
  kOk,
  kOom,          ///< reported by the backend, the kernel or the memory limit
  kTimeout,      ///< longer than limits.timeout_s
  kCrashed,      ///< a signal, an exit, a broken protocol, a lost device or an internal error of the backend
  kUnsupported,  ///< well-formed, but this backend or machine cannot do it
  kInvalid,      ///< the backend refused the call as invalid
  kWrongOutput,  ///< ids or logits that cannot be right, or that differ from earlier ones
  kUnreachable,  ///< no connection to the server that a contender is
  kSkipped,      ///< not tried; the error says why
};

/// "ok", "oom", "timeout", "crashed", "unsupported", "invalid", "wrong_output", "unreachable", "skipped".
std::string_view to_string(TrialStatus status);
std::optional<TrialStatus> trial_status_from(std::string_view text);

/// The trial status for a status of the C ABI. IB_CANCELLED is kTimeout, since the host cancels for no other reason; if
/// the host did not cancel, BackendContext has already changed the status to IB_INTERNAL.
TrialStatus trial_status_of(ib_status status);

}  // namespace inferbench
