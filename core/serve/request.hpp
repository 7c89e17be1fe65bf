// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace inferbench {

/// Chosen by the caller; unique among the requests of one scheduler.
using RequestId = std::uint64_t;

/// Picks the next token of one request from its logits [vocab]. An exception ends that request as kFailed.
using TokenPicker = std::function<std::int32_t(std::span<const float> logits)>;

/// One prompt and what is wanted of it. Times are nanoseconds of the scheduler's clock.
struct Request {
  RequestId id = 0;
  /// When the request was meant to arrive. It may lie before the time of submit; latencies count from here.
  std::uint64_t arrival_ns = 0;
  std::vector<std::int32_t> prompt;    ///< token ids, at least one
  std::int32_t max_tokens = 1;         ///< tokens to generate, at least 1
  std::vector<std::int32_t> stop_ids;  ///< the request ends after the first of these, which is emitted, too
  TokenPicker pick;                    ///< empty: the backend's greedy choice, so that no logits are copied
};

enum class FinishReason : std::int32_t {
  kLength,     ///< max_tokens were generated
  kStop,       ///< a stop id, or the receiver of the tokens wanted no more
  kCancelled,  ///< Scheduler::cancel
  kRefused,    ///< it could never run, such as a prompt longer than the context; `error` says why
  kFailed,     ///< the engine or the picker failed; `error` says how
};

/// "length", "stop", "cancelled", "refused", "failed".
std::string_view to_string(FinishReason reason);
std::optional<FinishReason> finish_reason_from(std::string_view text);

/// How one request went. Every submitted request gets exactly one.
struct RequestOutcome {
  RequestId id = 0;
  std::int32_t prompt_tokens = 0;
  std::int32_t wanted_tokens = 0;  ///< Request::max_tokens
  std::uint64_t arrival_ns = 0;    ///< intended, as in the request
  std::uint64_t submit_ns = 0;
  std::uint64_t admitted_ns = 0;         ///< when it got a slot; 0: never
  std::vector<std::uint64_t> tokens_ns;  ///< when each token was known; the first is the first token
  std::uint64_t end_ns = 0;              ///< of the last token, or of the cancellation or failure
  std::int32_t slot = -1;                ///< the slot that it had; -1: none
  FinishReason reason = FinishReason::kFailed;
  std::string error;              ///< one line for kRefused and kFailed, otherwise empty
  std::vector<std::int32_t> ids;  ///< the generated tokens, as many as tokens_ns

  /// It ended as it should, by length or by a stop.
  bool ok() const { return reason == FinishReason::kLength || reason == FinishReason::kStop; }

  friend bool operator==(const RequestOutcome&, const RequestOutcome&) = default;
};

}  // namespace inferbench
