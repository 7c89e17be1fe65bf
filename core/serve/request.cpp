// SPDX-License-Identifier: Apache-2.0
#include "serve/request.hpp"

#include <array>
#include <utility>

#include "serve/scheduler.hpp"

namespace inferbench {

namespace {

constexpr std::array<std::pair<FinishReason, std::string_view>, 5> kReasonNames{
    {{FinishReason::kLength, "length"},
     {FinishReason::kStop, "stop"},
     {FinishReason::kCancelled, "cancelled"},
     {FinishReason::kRefused, "refused"},
     {FinishReason::kFailed, "failed"}}};

constexpr std::array<std::pair<SchedulePolicy, std::string_view>, 2> kPolicyNames{
    {{SchedulePolicy::kChunked, "chunked"}, {SchedulePolicy::kPrefillFirst, "prefill_first"}}};

template <typename Names, typename Value>
std::string_view name_in(const Names& names, Value value) {
  for (const auto& [known, name] : names) {
    if (known == value) return name;
  }
  return "unknown";
}

template <typename Value, typename Names>
std::optional<Value> value_in(const Names& names, std::string_view text) {
  for (const auto& [value, name] : names) {
    if (name == text) return value;
  }
  return std::nullopt;
}

}  // namespace

std::string_view to_string(FinishReason reason) {
  return name_in(kReasonNames, reason);
}

std::optional<FinishReason> finish_reason_from(std::string_view text) {
  return value_in<FinishReason>(kReasonNames, text);
}

std::string_view to_string(SchedulePolicy policy) {
  return name_in(kPolicyNames, policy);
}

std::optional<SchedulePolicy> schedule_policy_from(std::string_view text) {
  return value_in<SchedulePolicy>(kPolicyNames, text);
}

}  // namespace inferbench
