// SPDX-License-Identifier: Apache-2.0
// One request and its answer, as GNU libmicrohttpd carries them. Internal to the server.
#pragma once

#include <microhttpd.h>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>

#include "http/http_responder.hpp"

namespace inferbench {

/// What the server knows of a connection between its requests.
struct HttpConnection {
  int socket = -1;
  std::chrono::steady_clock::time_point since;  ///< opened, or finished its last answer
  bool receiving = true;                        ///< no complete request has arrived since then
};

struct HttpExchange {
  enum class Phase : std::uint8_t {
    kReceiving,
    kHandled,    ///< the service has the request
    kAnswered,   ///< `answer` is to be sent
    kStreaming,  ///< `pending` is to be sent
    kGone,
  };

  ExchangeId id = 0;
  MHD_Connection* connection = nullptr;
  HttpConnection* carrier = nullptr;
  HttpRequest request;
  std::size_t received = 0;
  Phase phase = Phase::kReceiving;
  HttpAnswer answer;
  std::string pending;
  std::size_t sent = 0;  ///< bytes at the start of `pending` that have been handed over
  bool ended = false;
  bool queued = false;  ///< libmicrohttpd has the response
  bool suspended = false;
  std::chrono::steady_clock::time_point ended_at;

  void end();
  /// libmicrohttpd does not look at a suspended connection until it is resumed.
  void suspend();
  bool resume();  ///< returns whether it was suspended

  /// Hands the answer to libmicrohttpd. `last`: the connection is closed behind it.
  MHD_Result queue_answer(bool last);
  /// Hands over a response whose body is what `pending` gets until `ended`.
  MHD_Result queue_stream(bool last);

 private:
  MHD_Result queue(unsigned status, MHD_Response* response);
  static ssize_t on_read(void* exchange, std::uint64_t position, char* buffer, std::size_t size);
  ssize_t read_pending(char* buffer, std::size_t size);
};

}  // namespace inferbench
