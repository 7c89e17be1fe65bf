// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "serve/request.hpp"
#include "text/sampler.hpp"

namespace inferbench {

/// What the server asks of the process that holds the backend.
struct GenerationRequest {
  RequestId id = 0;
  std::vector<std::int32_t> prompt;
  std::int32_t max_tokens = 1;
  SamplingOptions sampling;
  std::vector<std::int32_t> stop_ids;
  std::int32_t logprobs = -1;  ///< report the log probability of each token and those of so many likeliest; -1: none

  friend bool operator==(const GenerationRequest&, const GenerationRequest&) = default;
};

/// A token of a request, or its end. Times are now_ns(), a clock that all processes share.
struct GenerationEvent {
  RequestId id = 0;
  bool ended = false;
  std::uint64_t time_ns = 0;

  // A token.
  std::int32_t token = 0;
  double logprob = 0;                                ///< if asked for
  std::vector<std::pair<std::int32_t, double>> top;  ///< likeliest tokens, best first

  // An end.
  FinishReason reason = FinishReason::kFailed;
  std::string error;  ///< of kRefused and kFailed
  std::uint64_t submit_ns = 0;
  std::uint64_t admitted_ns = 0;  ///< 0: it never got a slot

  friend bool operator==(const GenerationEvent&, const GenerationEvent&) = default;
};

/// What one call of the generating process does before its step.
struct GenerationOrders {
  std::vector<GenerationRequest> submit;
  std::vector<RequestId> cancel;

  bool empty() const { return submit.empty() && cancel.empty(); }
  friend bool operator==(const GenerationOrders&, const GenerationOrders&) = default;
};

// Messages between the two processes, in MessagePack. The decoders throw ProtocolError for anything else.
std::string encode_orders(const GenerationOrders& orders);
GenerationOrders decode_orders(std::string_view bytes);
std::string encode_events(const std::vector<GenerationEvent>& events);
std::vector<GenerationEvent> decode_events(std::string_view bytes);

}  // namespace inferbench
