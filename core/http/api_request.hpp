// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "text/sampler.hpp"

namespace inferbench {

/// Larger bodies are refused.
inline constexpr std::size_t kMaxBodyBytes = std::size_t{4} << 20U;

enum class ApiKind : std::uint8_t { kCompletion, kChat };

/// One message of a chat.
struct ApiMessage {
  enum class Role : std::uint8_t { kSystem, kUser, kAssistant };
  Role role = Role::kUser;
  std::string text;

  friend bool operator==(const ApiMessage&, const ApiMessage&) = default;
};

/// A checked request to /v1/completions or /v1/chat/completions. Defaults are OpenAI's.
struct ApiRequest {
  ApiKind kind = ApiKind::kCompletion;
  std::string model;
  std::string prompt;                      ///< completion: a text, unless prompt_ids is not empty
  std::vector<std::int32_t> prompt_ids;    ///< completion: token ids
  std::vector<ApiMessage> messages;        ///< chat: at least one
  std::optional<std::int32_t> max_tokens;  ///< at least 1
  SamplingOptions sampling;
  bool has_seed = false;                 ///< sampling.seed was given
  std::vector<std::string> stop;         ///< at most kMaxStops, none empty
  std::optional<std::int32_t> logprobs;  ///< report log probabilities, and those of so many likeliest tokens
  bool ignore_end = false;               ///< generate on after an end-of-text token
  bool stream = false;
  bool stream_usage = false;  ///< a stream ends with the token counts
};

inline constexpr std::size_t kMaxStops = 4;

/// Reads the body of a request. Throws ApiError for anything but valid JSON of this API: a parameter with a wrong type
/// or value, one that is not known, and one that would change the answer but is not supported (such as n: 2). An
/// unsupported parameter with its neutral value (n: 1) is accepted.
ApiRequest parse_api_request(ApiKind kind, std::string_view body);

}  // namespace inferbench
