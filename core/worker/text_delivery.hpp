// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "plugin/forked_child.hpp"
#include "serve/request.hpp"
#include "serve/scenario.hpp"
#include "text/stream_decoder.hpp"
#include "text/tokenizer.hpp"

namespace inferbench {

/// Turns generated tokens into text and sends it to a client, as a server does: as one event of JSON per token, or as
/// one answer when a request ends. The client is a thread that reads from a socket. Use from one thread.
class TextDelivery {
 public:
  /// `delivery` is not kNone. Requests have the ids 0 to n_requests - 1. `client` gets all bytes in the client's
  /// thread; may be empty. Throws Error if the socket cannot be made.
  TextDelivery(Tokenizer tokenizer, Delivery delivery, std::size_t n_requests,
               std::function<void(std::string_view)> client = {});
  ~TextDelivery();
  TextDelivery(const TextDelivery&) = delete;
  TextDelivery& operator=(const TextDelivery&) = delete;

  void token(RequestId id, std::int32_t token);
  void ended(const RequestOutcome& outcome);

  /// Time spent in the two calls above.
  std::uint64_t spent_ns() const { return spent_ns_; }

 private:
  void send(RequestId id, const std::string& text, const char* finish);

  Tokenizer tokenizer_;
  Delivery delivery_;
  std::vector<std::unique_ptr<StreamDecoder>> decoders_;  ///< by request; null before its first token and after its end
  OwnedFd writer_;
  OwnedFd reader_;
  std::thread client_;
  std::uint64_t spent_ns_ = 0;
};

}  // namespace inferbench
