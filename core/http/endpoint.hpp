// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "http/api_answer.hpp"
#include "http/api_request.hpp"
#include "serve/request.hpp"

namespace inferbench {

/// A server that speaks OpenAI's API, and how it is asked.
struct Endpoint {
  std::string url;      ///< up to and including /v1, without a final slash
  std::string model;    ///< as the server names it
  std::string api_key;  ///< empty: none is sent
  ApiKind kind = ApiKind::kCompletion;
  bool stream = true;
  double connect_timeout_s = 10;
  double timeout_s = 300;  ///< of a whole request
};

/// Servers may quote the API key in their messages. Replaces it in `text`.
void hide_api_key(const Endpoint& endpoint, std::string& text);

/// What a request to an endpoint is.
struct EndpointRequest {
  RequestId id = 0;
  std::uint64_t arrival_ns = 0;  ///< when it was meant to be sent
  std::string prompt;
  std::int32_t prompt_tokens = 0;  ///< of the prompt, as far as the caller knows
  std::int32_t max_tokens = 1;
  std::vector<std::int32_t> prompt_ids{};  ///< not empty: sent in place of the text. Not every server takes them
};

enum class EndpointStatus : std::int32_t {
  kOk,
  kShort,        ///< fewer tokens than wanted, though the server was asked to go on after an end of text
  kUnreachable,  ///< no connection
  kRefused,      ///< an HTTP status that is not 200, or an error in place of an answer
  kTimeout,
  kBroken,  ///< not OpenAI's format
  kCut,     ///< the answer ended in the middle
};

/// "ok", "short", "unreachable", "refused", "timeout", "broken", "cut".
std::string_view to_string(EndpointStatus status);

/// Who counted the tokens of an answer.
enum class TokenSource : std::int32_t {
  kUsage,      ///< the server
  kTokenizer,  ///< this program, of the text
  kPieces,     ///< nobody: each piece of the stream is taken for a token
};

/// "usage", "tokenizer", "pieces".
std::string_view to_string(TokenSource source);

/// How one request went. Every submitted request gets exactly one.
struct EndpointOutcome {
  /// As from a scheduler. admitted_ns is the time of submission, since nobody here sees the server's queue. tokens_ns
  /// has one time for each piece of the stream until count_tokens(). reason kFailed unless the status is kOk or kShort.
  RequestOutcome request;
  EndpointStatus status = EndpointStatus::kOk;
  std::int32_t http_status = 0;  ///< 0: there was no answer
  std::string text;
  std::string finish_reason;  ///< as the server says; may be empty
  std::optional<TokenUsage> usage;
  /// The longest time that a piece may have waited for this program before it was seen: at most so much are the times
  /// too late.
  std::uint64_t lag_ns = 0;
};

/// Decides how many tokens were generated, and gives each a time: tokens of one piece share its time. If there are more
/// tokens than pieces, they are spread evenly over the pieces. Also sets kShort. `text_tokens`: the number of tokens of
/// the text, for servers that don't report it.
TokenSource count_tokens(EndpointOutcome& outcome, std::optional<std::int64_t> text_tokens);

// ---- the texts of the protocol ----

/// The path after Endpoint::url.
std::string_view endpoint_path(ApiKind kind);

/// The body of a request. It asks for greedy sampling, for token counts, and to go on after an end of text.
std::string endpoint_body(const Endpoint& endpoint, const EndpointRequest& request);

/// What an event or a whole answer says.
struct EndpointPiece {
  std::string text;
  std::string finish_reason;
  std::optional<TokenUsage> usage;
};

/// `json`: an event's data if `stream`, else a whole answer. Throws EndpointError.
EndpointPiece parse_endpoint_piece(ApiKind kind, bool stream, std::string_view json);

/// The server's answer is an error, or no answer of the API.
class EndpointError : public std::runtime_error {
 public:
  EndpointError(EndpointStatus status, const std::string& what) : std::runtime_error(what), status_(status) {}
  EndpointStatus status() const noexcept { return status_; }

 private:
  EndpointStatus status_;
};

/// The names of the models in an answer to GET /v1/models. Throws EndpointError.
std::vector<std::string> parse_model_list(std::string_view json);

/// What an answer with an HTTP status other than 200, or without the expected type, says: one line.
std::string describe_refusal(std::int32_t http_status, std::string_view content_type, std::string_view body);

}  // namespace inferbench
