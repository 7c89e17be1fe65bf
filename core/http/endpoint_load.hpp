// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <vector>

#include "http/endpoint.hpp"

namespace inferbench {

/// What EndpointClient does, for load runs and their tests.
class RequestClient {
 public:
  RequestClient() = default;
  virtual ~RequestClient() = default;
  RequestClient(const RequestClient&) = delete;
  RequestClient& operator=(const RequestClient&) = delete;

  virtual void submit(const EndpointRequest& request) = 0;
  /// Returns the requests that have ended, after waiting for at most `timeout`.
  virtual std::vector<EndpointOutcome> poll(std::chrono::milliseconds timeout) = 0;
};

/// The requests of a run and when they are sent.
struct EndpointPlan {
  std::vector<EndpointRequest> requests;  ///< in order of arrival; arrival_ns is relative to the start of the run
  std::size_t concurrency = 0;            ///< above 0: a closed loop of so many users, and arrival_ns is not used
  std::size_t max_open = 256;             ///< most requests that are open at once
  std::uint64_t duration_ns = 0;          ///< closed loop: no request is sent later; 0: no bound
  std::function<bool()> should_stop{};    ///< true ends the run. May be empty
  std::function<void(const EndpointOutcome&)> ended{};  ///< told of each end; its id is the place in the plan
};

/// The longest time that this program may have been late for something before the run counts as disturbed by it.
inline constexpr std::uint64_t kMaxClientLagNs = 5'000'000;

struct EndpointResult {
  std::vector<EndpointOutcome> outcomes;  ///< of the requests that were sent, in order of arrival
  std::uint64_t lag_ns = 0;               ///< the longest time that a received piece may have waited to be seen
  std::uint64_t send_lag_ns =
      0;                 ///< the longest time from an arrival to its sending, while fewer than max_open were open
  bool stopped = false;  ///< by should_stop: open requests were given up

  bool disturbed() const { return lag_ns > kMaxClientLagNs || send_lag_ns > kMaxClientLagNs; }
};

/// Runs the plan. An open arrival counts from its intended time, even if it is sent late. In a closed loop, a request
/// arrives when the request before it of the same user has ended. Request ids are replaced by positions in the plan.
EndpointResult run_endpoint_load(EndpointPlan plan, RequestClient& client);

}  // namespace inferbench
