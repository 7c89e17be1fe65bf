// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>

#include "http/http_responder.hpp"

namespace inferbench {

/// Bounds on what clients can take up.
struct HttpLimits {
  std::size_t max_body_bytes = 0;
  std::size_t max_header_bytes = std::size_t{32} << 10U;
  std::uint32_t max_connections = 1024;  ///< more wait in the kernel's queue
  /// A connection on which no complete request has arrived for so long, since it opened or since its last answer, is
  /// closed.
  std::chrono::milliseconds receive{30'000};
  /// A finished answer that the client has not read for so long is dropped.
  std::chrono::milliseconds deliver{60'000};
};

/// An HTTP/1.1 server without threads: everything happens inside wait(). A client that closes its connection, or its
/// sending half, has gone.
class HttpServer final : public HttpResponder {
 public:
  struct Events {
    std::function<void(HttpRequest request)> request;  ///< not empty; must not throw
    std::function<void(ExchangeId id)> gone;           ///< the client of an exchange that is not over has gone
  };

  /// Listens. `host`: a name or an address. `port` 0: any free one. Throws Error.
  HttpServer(const std::string& host, std::uint16_t port, const HttpLimits& limits, Events events);
  ~HttpServer() override;  ///< drops all connections
  HttpServer(const HttpServer&) = delete;
  HttpServer& operator=(const HttpServer&) = delete;

  std::uint16_t port() const;

  /// Waits until one of `others` is readable, a connection needs something, or the time is over; then serves the
  /// connections. Throws Error if the system refuses.
  void wait(std::span<const int> others, std::chrono::milliseconds timeout);

  /// Accepts no more connections, and closes those that wait for a request.
  void stop_accepting();
  std::size_t connections() const;
  /// Exchanges whose answer has not been sent completely.
  std::size_t exchanges() const;

  void answer(ExchangeId id, HttpAnswer answer) override;
  void begin_events(ExchangeId id) override;
  void write(ExchangeId id, std::string_view bytes) override;
  void end(ExchangeId id) override;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace inferbench
