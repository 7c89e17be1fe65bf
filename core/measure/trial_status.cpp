// SPDX-License-Identifier: Apache-2.0
#include "measure/trial_status.hpp"

#include <array>
#include <utility>

namespace inferbench {

namespace {

using NamedStatus = std::pair<TrialStatus, std::string_view>;
constexpr std::array<NamedStatus, 9> kNames{{{TrialStatus::kOk, "ok"},
                                             {TrialStatus::kOom, "oom"},
                                             {TrialStatus::kTimeout, "timeout"},
                                             {TrialStatus::kCrashed, "crashed"},
                                             {TrialStatus::kUnsupported, "unsupported"},
                                             {TrialStatus::kInvalid, "invalid"},
                                             {TrialStatus::kWrongOutput, "wrong_output"},
                                             {TrialStatus::kUnreachable, "unreachable"},
                                             {TrialStatus::kSkipped, "skipped"}}};

}  // namespace

std::string_view to_string(TrialStatus status) {
  for (const auto& [value, name] : kNames) {
    if (value == status) return name;
  }
  return "crashed";
}

std::optional<TrialStatus> trial_status_from(std::string_view text) {
  for (const auto& [value, name] : kNames) {
    if (name == text) return value;
  }
  return std::nullopt;
}

TrialStatus trial_status_of(ib_status status) {
  switch (status) {
    case IB_OK:
      return TrialStatus::kOk;
    case IB_INVALID_ARGUMENT:
      return TrialStatus::kInvalid;
    case IB_OUT_OF_MEMORY:
      return TrialStatus::kOom;
    case IB_CANCELLED:
      return TrialStatus::kTimeout;
    case IB_DEVICE_LOST:
    case IB_INTERNAL:
      return TrialStatus::kCrashed;
    default:  // as backend.h says, unknown codes count as IB_UNSUPPORTED
      return TrialStatus::kUnsupported;
  }
}

}  // namespace inferbench
