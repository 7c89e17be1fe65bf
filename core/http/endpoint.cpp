// SPDX-License-Identifier: Apache-2.0
#include "http/endpoint.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>
#include <utility>
#include <vector>

#include "model/guarded_json.hpp"
#include "support/counted.hpp"
#include "support/error.hpp"
#include "support/json_integer.hpp"
#include "support/one_line.hpp"

namespace inferbench {

namespace {

using Json = nlohmann::json;

constexpr std::size_t kMaxAnswerBytes = std::size_t{64} << 20U;
constexpr std::size_t kShownBytes = 200;

constexpr std::array<std::string_view, 7> kStatusNames{"ok",      "short",  "unreachable", "refused",
                                                       "timeout", "broken", "cut"};
constexpr std::array<std::string_view, 3> kSourceNames{"usage", "tokenizer", "pieces"};

[[noreturn]] void throw_broken(const std::string& what) {
  throw EndpointError(EndpointStatus::kBroken, what);
}

constexpr std::int64_t kMostPromptTokens = 1 << 30;  // more is no count

// OpenAI's {"error": {"message": ...}}, and its simpler relatives; empty if it is none.
std::string error_message(const Json& json) {
  if (!json.is_object()) return {};
  const auto error = json.find("error");
  if (error == json.end() || error->is_null()) return {};
  if (error->is_string()) return one_line(error->get<std::string>(), kShownBytes);
  const Json message = error->is_object() ? error->value("message", Json()) : Json();
  return message.is_string() ? one_line(message.get<std::string>(), kShownBytes) : "an error without a message";
}

std::optional<TokenUsage> read_usage(const Json& json) {
  const auto usage = json.find("usage");
  if (usage == json.end() || !usage->is_object()) return std::nullopt;
  return TokenUsage{integer_of<std::int64_t>(usage->value("prompt_tokens", Json(0))),
                    integer_of<std::int64_t>(usage->value("completion_tokens", Json(0)))};
}

// Reasoning models may write into another field first; those tokens count, too.
std::string message_text(const Json& message) {
  std::string text;
  for (const char* key : {"reasoning_content", "reasoning", "content"}) {
    const auto found = message.find(key);
    if (found != message.end() && found->is_string()) text += found->get<std::string>();
  }
  return text;
}

void read_choice(ApiKind kind, bool stream, const Json& choice, EndpointPiece& piece) {
  if (const auto reason = choice.find("finish_reason"); reason != choice.end() && reason->is_string()) {
    piece.finish_reason = reason->get<std::string>();
  }
  if (kind == ApiKind::kCompletion) {
    const auto text = choice.find("text");
    if (text != choice.end() && !text->is_null()) piece.text = text->get<std::string>();
  } else {
    piece.text = message_text(choice.at(stream ? "delta" : "message"));
  }
}

}  // namespace

void hide_api_key(const Endpoint& endpoint, std::string& text) {
  const std::string& key = endpoint.api_key;
  if (key.empty()) return;
  constexpr std::string_view kHidden = "(API key)";
  for (std::size_t at = 0; (at = text.find(key, at)) != std::string::npos; at += kHidden.size()) {
    text.replace(at, key.size(), kHidden);
  }
}

std::string_view to_string(EndpointStatus status) {
  return kStatusNames.at(static_cast<std::size_t>(status));
}

std::string_view to_string(TokenSource source) {
  return kSourceNames.at(static_cast<std::size_t>(source));
}

TokenSource count_tokens(EndpointOutcome& outcome, std::optional<std::int64_t> text_tokens) {
  std::vector<std::uint64_t>& times = outcome.request.tokens_ns;
  const auto pieces = static_cast<std::int64_t>(times.size());
  std::int64_t tokens = pieces;
  TokenSource source = TokenSource::kPieces;
  // A server that claims more tokens than were asked for would be as fast as it likes.
  if (outcome.usage && outcome.usage->completion > 0 && outcome.usage->completion <= outcome.request.wanted_tokens) {
    tokens = outcome.usage->completion;
    source = TokenSource::kUsage;
  } else if (text_tokens && *text_tokens > 0) {
    tokens = *text_tokens;
    source = TokenSource::kTokenizer;
  }
  if (outcome.usage && outcome.usage->prompt > 0 && outcome.usage->prompt <= kMostPromptTokens) {
    outcome.request.prompt_tokens = static_cast<std::int32_t>(outcome.usage->prompt);
  }
  if (pieces > 0 && tokens != pieces) {
    std::vector<std::uint64_t> spread(static_cast<std::size_t>(std::max<std::int64_t>(tokens, 0)));
    for (std::size_t i = 0; i < spread.size(); ++i) {
      spread[i] = times[i * times.size() / spread.size()];
    }
    // The last token of an answer came with its last piece.
    if (!spread.empty()) spread.back() = times.back();
    times = std::move(spread);
  }
  if (outcome.status == EndpointStatus::kOk && tokens < outcome.request.wanted_tokens) {
    outcome.status = EndpointStatus::kShort;
    outcome.request.error = fmt::format("{} of {}", tokens, counted(outcome.request.wanted_tokens, "wanted token"));
  }
  return source;
}

std::string_view endpoint_path(ApiKind kind) {
  return kind == ApiKind::kChat ? "/chat/completions" : "/completions";
}

std::string endpoint_body(const Endpoint& endpoint, const EndpointRequest& request) {
  nlohmann::ordered_json body = {{"model", endpoint.model}};
  if (endpoint.kind == ApiKind::kChat) {
    body["messages"] = {{{"role", "user"}, {"content", request.prompt}}};
  } else if (!request.prompt_ids.empty()) {
    body["prompt"] = request.prompt_ids;
  } else {
    body["prompt"] = request.prompt;
  }
  body["max_tokens"] = request.max_tokens;
  body["temperature"] = 0;
  body["ignore_eos"] = true;  // known to llama.cpp, vLLM and others; OpenAI's own server refuses it
  body["stream"] = endpoint.stream;
  if (endpoint.stream) body["stream_options"] = {{"include_usage", true}};
  return body.dump(-1, ' ', false, Json::error_handler_t::replace);
}

EndpointPiece parse_endpoint_piece(ApiKind kind, bool stream, std::string_view text) {
  Json json;
  try {
    json = parse_guarded_json(text, stream ? "an event" : "the answer", kMaxAnswerBytes);
  } catch (const Error& error) {
    throw_broken(error.what());
  }
  if (const std::string error = error_message(json); !error.empty()) {
    throw EndpointError(EndpointStatus::kRefused, "the server says: " + error);
  }
  EndpointPiece piece;
  try {
    const Json& choices = json.at("choices");
    if (!choices.is_array()) throw_broken("'choices' is not an array");
    if (!choices.empty()) read_choice(kind, stream, choices.front(), piece);
    piece.usage = read_usage(json);
  } catch (const Json::exception& error) {
    throw_broken(fmt::format("not an answer of the API: {}", json_complaint(error.what())));
  }
  return piece;
}

std::vector<std::string> parse_model_list(std::string_view text) {
  std::vector<std::string> names;
  try {
    const Json json = parse_guarded_json(text, "the answer", kMaxAnswerBytes);
    if (const std::string error = error_message(json); !error.empty()) {
      throw EndpointError(EndpointStatus::kRefused, "the server says: " + error);
    }
    for (const Json& model : json.at("data")) names.push_back(model.at("id").get<std::string>());
  } catch (const Json::exception& error) {
    throw_broken(fmt::format("not a list of models: {}", json_complaint(error.what())));
  } catch (const Error& error) {
    throw_broken(error.what());
  }
  return names;
}

std::string describe_refusal(std::int32_t http_status, std::string_view content_type, std::string_view body) {
  const std::string head = fmt::format("HTTP status {}", http_status);
  if (content_type.find("html") != std::string_view::npos) return head + ", an HTML page: not this API's address";
  const Json json = Json::parse(body.begin(), body.end(), nullptr, false);
  if (const std::string message = error_message(json); !message.empty()) return head + ": " + message;
  const std::string said = one_line(body.substr(0, 4 * kShownBytes), kShownBytes);
  return said.empty() ? head : head + ": " + said;
}

}  // namespace inferbench
