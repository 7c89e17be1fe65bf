// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace inferbench {

/// One request and its answer; unique in the life of a server.
using ExchangeId = std::uint64_t;

/// A request that has arrived completely.
struct HttpRequest {
  ExchangeId id = 0;
  std::string method;  ///< "GET"
  std::string path;    ///< without the query
  std::string content_type;
  std::string authorization;
  std::string body;
};

struct HttpAnswer {
  int status = 200;
  std::string body;
  std::string content_type = "application/json";
  std::optional<std::int32_t> retry_after_s{};
  std::string allow{};  ///< of 405: the methods; empty: none
};

/// Sends answers. An exchange is over after answer() or end(), or when its client has gone; calls for one that is over
/// do nothing.
class HttpResponder {
 public:
  HttpResponder() = default;
  virtual ~HttpResponder() = default;
  HttpResponder(const HttpResponder&) = delete;
  HttpResponder& operator=(const HttpResponder&) = delete;

  /// A complete answer.
  virtual void answer(ExchangeId id, HttpAnswer answer) = 0;
  /// Begins an answer of server-sent events, status 200.
  virtual void begin_events(ExchangeId id) = 0;
  /// More of it. Does not wait for the client.
  virtual void write(ExchangeId id, std::string_view bytes) = 0;
  /// The end of it.
  virtual void end(ExchangeId id) = 0;
};

}  // namespace inferbench
