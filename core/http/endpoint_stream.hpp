// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "http/endpoint.hpp"
#include "http/sse_parser.hpp"

namespace inferbench {

/// One answer of an endpoint as its bytes arrive, whatever they are.
class EndpointStream {
 public:
  EndpointStream(const Endpoint& endpoint, const EndpointRequest& request);

  /// `http_status` and `content_type` of the answer. Returns false if nothing more is wanted.
  bool push(std::string_view bytes, std::int32_t http_status, std::string_view content_type, std::uint64_t time_ns,
            std::uint64_t lag_ns);

  /// The connection has ended. `problem` with `status` kOk: as it should; the answer itself may still be bad.
  EndpointOutcome finish(EndpointStatus status, const std::string& problem, std::int32_t http_status,
                         std::string_view content_type, std::uint64_t time_ns);

  EndpointOutcome& outcome() { return outcome_; }

 private:
  void take_events(std::uint64_t time_ns);
  void take_whole(std::string_view content_type, std::uint64_t time_ns);
  void take(EndpointPiece piece, std::uint64_t time_ns);
  void fail(EndpointStatus status, const std::string& problem);

  Endpoint endpoint_;
  EndpointOutcome outcome_;
  SseParser events_;
  std::string body_;   ///< of an answer that is not a stream, or is refused
  bool done_ = false;  ///< the stream's last event has come
  bool failed_ = false;
};

}  // namespace inferbench
