// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "results/trial_record.hpp"

namespace inferbench {

/// One request in the picture of a run: where and when it waited, was fed and decoded. Times are milliseconds from the
/// first arrival.
struct RequestSpan {
  std::int32_t lane = 0;  ///< its slot; of a server, whose slots are unknown, a lane that was free
  double arrival_ms = 0;
  double admitted_ms = 0;
  double first_token_ms = 0;
  double end_ms = 0;
  std::int32_t prompt_tokens = 0;
  std::int32_t tokens = 0;  ///< generated
};

/// A picture of more requests than this shows nothing.
inline constexpr std::size_t kMostSpans = 64;

/// The requests of a scenario's trial that got a token, in order of arrival; empty for a batch, and for a run of more
/// than kMostSpans requests.
std::vector<RequestSpan> request_spans(const TrialRecord& trial);

}  // namespace inferbench
