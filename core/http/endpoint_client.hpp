// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstddef>
#include <memory>
#include <vector>

#include "http/endpoint.hpp"
#include "http/endpoint_load.hpp"

namespace inferbench {

/// Sends requests to one endpoint and receives their answers, any number at a time, without threads: everything happens
/// inside submit and poll. Nothing is sent twice. Times are now_ns().
class EndpointClient final : public RequestClient {
 public:
  /// Throws Error if the URL is not one.
  explicit EndpointClient(Endpoint endpoint);
  ~EndpointClient() override;  ///< drops the open requests
  EndpointClient(const EndpointClient&) = delete;
  EndpointClient& operator=(const EndpointClient&) = delete;

  const Endpoint& endpoint() const;
  void submit(const EndpointRequest& request) override;
  /// Drops a request, which then has no outcome.
  void cancel(RequestId id);
  /// Receives what has arrived, after waiting for at most `timeout`; returns the requests that have ended.
  std::vector<EndpointOutcome> poll(std::chrono::milliseconds timeout) override;
  std::size_t open() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace inferbench
