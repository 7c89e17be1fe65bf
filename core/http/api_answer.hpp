// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "http/api_error.hpp"
#include "http/api_request.hpp"

namespace inferbench {

/// A generated token as the API reports it. Tokens are bytes, not necessarily UTF-8.
struct TokenLogprob {
  std::string token;
  double logprob = 0;                               ///< natural logarithm
  std::vector<std::pair<std::string, double>> top;  ///< the likeliest tokens, best first
};

struct TokenUsage {
  std::int64_t prompt = 0;
  std::int64_t completion = 0;

  friend bool operator==(const TokenUsage&, const TokenUsage&) = default;
};

/// Writes one answer in the API's JSON. Bytes that are not UTF-8 become U+FFFD.
class AnswerWriter {
 public:
  struct Head {
    ApiKind kind = ApiKind::kCompletion;
    std::string id;     ///< without its prefix
    std::string model;  ///< as it is served
    std::int64_t created_s = 0;
    bool stream_usage = false;
  };

  explicit AnswerWriter(Head head) : head_(std::move(head)) {}

  /// The whole answer. `logprobs`: of each token; nullptr: not wanted. `reason`: "stop" or "length".
  std::string whole(const std::string& text, const std::vector<TokenLogprob>* logprobs, std::string_view reason,
                    const TokenUsage& usage) const;

  // Server-sent events of a stream, in this order.
  /// Who speaks; empty for completions.
  std::string begin() const;
  /// `logprobs`: of the tokens since the last piece. `reason`: empty, except in the last piece.
  std::string piece(const std::string& text, const std::vector<TokenLogprob>* logprobs, std::string_view reason);
  /// The token counts, if they are wanted, and the end of the stream.
  std::string end(const TokenUsage& usage) const;

 private:
  Head head_;
  std::int64_t offset_ = 0;  ///< characters of the streamed tokens
};

/// OpenAI's error object.
std::string error_json(const ApiError& error);
/// The answer of /v1/models/NAME, and of /v1/models.
std::string model_json(const std::string& model, std::int64_t created_s);
std::string models_json(const std::string& model, std::int64_t created_s);
/// One server-sent event with this data, which has no line breaks.
std::string sse_event(std::string_view data);

}  // namespace inferbench
