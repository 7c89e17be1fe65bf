// SPDX-License-Identifier: Apache-2.0
// libFuzzer target: any bytes as the body of a request to /v1/completions and /v1/chat/completions. An accepted one
// must be within the bounds that the rest of the server relies on.
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "check.hpp"
#include "http/api_answer.hpp"
#include "http/api_error.hpp"
#include "http/api_request.hpp"

namespace {

using inferbench::ApiKind;
using inferbench::ApiRequest;
using inferbench::fuzz::require;

void check_request(const ApiRequest& request) {
  require(!request.max_tokens || *request.max_tokens > 0, "a token is wanted");
  require(request.sampling.temperature >= 0 && request.sampling.temperature <= 2, "temperature is in its range");
  require(request.sampling.top_p > 0 && request.sampling.top_p <= 1, "top_p is in its range");
  require(request.sampling.top_k >= 0, "top_k is not negative");
  require(request.stop.size() <= inferbench::kMaxStops, "few stop texts");
  for (const auto& stop : request.stop) require(!stop.empty() && stop.size() <= 1024, "stop texts are short");
  require(!request.logprobs || (*request.logprobs >= 0 && *request.logprobs <= 20), "few logprobs");
  require(!request.stream_usage || request.stream, "usage of streams only");
  if (request.kind == ApiKind::kChat) {
    require(!request.messages.empty(), "a chat has messages");
    require(request.messages.back().role == inferbench::ApiMessage::Role::kUser, "the user speaks last");
  } else {
    require(request.messages.empty(), "a completion has no messages");
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view body(reinterpret_cast<const char*>(data), size);
  for (const ApiKind kind : {ApiKind::kCompletion, ApiKind::kChat}) {
    try {
      check_request(inferbench::parse_api_request(kind, body));
    } catch (const inferbench::ApiError& error) {
      require(error.status() == 400, "the client is to blame");
      const std::string_view what = error.what();
      require(!what.empty() && what.size() < 1000, "messages are short");
      for (const char c : what)
        require(static_cast<unsigned char>(c) >= 0x20 && c != 0x7F, "messages are one plain line");
      require(!inferbench::error_json(error).empty(), "errors can be written");
    }
  }
  return 0;
}
