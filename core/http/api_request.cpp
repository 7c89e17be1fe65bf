// SPDX-License-Identifier: Apache-2.0
#include "http/api_request.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <nlohmann/json.hpp>

#include "http/api_error.hpp"
#include "model/guarded_json.hpp"
#include "support/counted.hpp"
#include "support/error.hpp"
#include "support/json_integer.hpp"
#include "support/one_line.hpp"

namespace inferbench {

namespace {

using Json = nlohmann::json;

constexpr std::size_t kMaxStopBytes = 1024;
constexpr std::int32_t kMaxCompletionLogprobs = 5;
constexpr std::int32_t kMaxChatLogprobs = 20;
constexpr double kMaxTemperature = 2;

[[noreturn]] void refuse(const std::string& param, const std::string& message) {
  throw ApiError(400, message, param);
}

/// The members of the body. Each reader returns nullopt if the member is missing or null.
class Body {
 public:
  explicit Body(const Json& json) : json_(json) {}

  const Json* find(const char* key) const {
    const auto found = json_.find(key);
    return found == json_.end() || found->is_null() ? nullptr : &*found;
  }

  std::optional<bool> flag(const char* key) const {
    const Json* value = find(key);
    if (value == nullptr) return std::nullopt;
    if (!value->is_boolean()) refuse(key, fmt::format("'{}' must be true or false", key));
    return value->get<bool>();
  }

  std::optional<std::string> text(const char* key) const {
    const Json* value = find(key);
    if (value == nullptr) return std::nullopt;
    if (!value->is_string()) refuse(key, fmt::format("'{}' must be a string", key));
    return value->get<std::string>();
  }

  std::optional<double> number(const char* key, double least, double most) const {
    const Json* value = find(key);
    if (value == nullptr) return std::nullopt;
    const double number = value->is_number() ? value->get<double>() : std::nan("");
    if (!(number >= least && number <= most)) {
      refuse(key, fmt::format("'{}' must be a number from {} to {}", key, least, most));
    }
    return number;
  }

  template <typename Integer>
  std::optional<Integer> integer(const char* key, Integer least, Integer most) const {
    const Json* value = find(key);
    if (value == nullptr) return std::nullopt;
    try {
      const auto number = integer_of<Integer>(*value);
      if (number >= least && number <= most) return number;
    } catch (const Json::exception&) {  // refused below
    }
    refuse(key, fmt::format("'{}' must be an integer from {} to {}", key, least, most));
  }

 private:
  const Json& json_;
};

// ---- parameters that are not supported, or change nothing ----

bool is_number_equal(const Json& value, double neutral) {
  return value.is_number() && value.get<double>() == neutral;
}

/// A parameter that is accepted only with the value that changes nothing.
struct Neutral {
  std::string_view key;
  bool (*is_neutral)(const Json& value);
};

constexpr std::array kNeutral{
    Neutral{"n", [](const Json& value) { return is_number_equal(value, 1); }},
    Neutral{"best_of", [](const Json& value) { return is_number_equal(value, 1); }},
    Neutral{"echo", [](const Json& value) { return value == false; }},
    Neutral{"suffix", [](const Json& value) { return value == ""; }},
    Neutral{"frequency_penalty", [](const Json& value) { return is_number_equal(value, 0); }},
    Neutral{"presence_penalty", [](const Json& value) { return is_number_equal(value, 0); }},
    Neutral{"repetition_penalty", [](const Json& value) { return is_number_equal(value, 1); }},
    Neutral{"min_p", [](const Json& value) { return is_number_equal(value, 0); }},
    Neutral{"min_tokens", [](const Json& value) { return is_number_equal(value, 0); }},
    Neutral{"logit_bias", [](const Json& value) { return value.is_object() && value.empty(); }},
    Neutral{"use_beam_search", [](const Json& value) { return value == false; }},
    Neutral{"tools", [](const Json& value) { return value.is_array() && value.empty(); }},
    Neutral{"tool_choice", [](const Json& value) { return value == "none"; }},
    Neutral{"functions", [](const Json& value) { return value.is_array() && value.empty(); }},
    Neutral{"function_call", [](const Json& value) { return value == "none"; }},
    Neutral{"response_format",
            [](const Json& value) { return value.is_object() && value.value("type", Json()) == "text"; }},
    Neutral{"modalities", [](const Json& value) { return value == Json::array({"text"}); }},
    Neutral{"store", [](const Json& value) { return value == false; }},
};

/// Parameters that no answer depends on here.
constexpr std::array<std::string_view, 7> kIgnored{
    "user", "metadata", "parallel_tool_calls", "service_tier", "prompt_cache_key", "safety_identifier", "verbosity"};

constexpr std::array<std::string_view, 12> kRead{
    "model", "max_tokens", "temperature",    "top_p",    "top_k",      "seed",
    "stop",  "stream",     "stream_options", "logprobs", "ignore_eos", "max_completion_tokens"};

bool is_read(ApiKind kind, std::string_view key) {
  if (kind == ApiKind::kCompletion) {
    if (key == "prompt") return true;
    if (key == "max_completion_tokens") return false;
  } else if (key == "messages" || key == "top_logprobs") {
    return true;
  }
  return std::find(kRead.begin(), kRead.end(), key) != kRead.end();
}

void check_keys(ApiKind kind, const Json& body) {
  for (const auto& [key, value] : body.items()) {
    if (is_read(kind, key) || value.is_null()) continue;
    if (std::find(kIgnored.begin(), kIgnored.end(), key) != kIgnored.end()) continue;
    const std::string name = one_line(key, 60);
    const auto* const known =
        std::find_if(kNeutral.begin(), kNeutral.end(), [&key = key](const Neutral& one) { return one.key == key; });
    if (known == kNeutral.end()) refuse(name, fmt::format("unknown parameter '{}'", name));
    if (!known->is_neutral(value)) refuse(name, fmt::format("this value of '{}' is not supported", name));
  }
}

// ---- the parts of a request ----

std::vector<std::int32_t> read_ids(const Json& ids) {
  std::vector<std::int32_t> read;
  read.reserve(ids.size());
  for (const Json& id : ids) {
    try {
      read.push_back(integer_of<std::int32_t>(id));
    } catch (const Json::exception&) {
      refuse("prompt", "'prompt' must be a string or an array of token ids");
    }
  }
  return read;
}

void read_prompt_into(const Body& body, ApiRequest& request) {
  const Json* prompt = body.find("prompt");
  if (prompt == nullptr) refuse("prompt", "'prompt' is missing");
  const bool is_list =
      prompt->is_array() && !prompt->empty() && (prompt->front().is_string() || prompt->front().is_array());
  if (is_list) {
    if (prompt->size() > 1) refuse("prompt", "a request has one prompt; send several requests");
    prompt = &prompt->front();
  }
  if (prompt->is_string()) {
    request.prompt = prompt->get<std::string>();
  } else if (prompt->is_array() && !prompt->empty()) {
    request.prompt_ids = read_ids(*prompt);
  } else {
    refuse("prompt", "'prompt' must be a string or an array of token ids");
  }
}

ApiMessage::Role read_role(const Json& message) {
  const Json role = message.value("role", Json());
  if (role == "system" || role == "developer") return ApiMessage::Role::kSystem;
  if (role == "user") return ApiMessage::Role::kUser;
  if (role == "assistant") return ApiMessage::Role::kAssistant;
  refuse("messages", "the 'role' of a message must be system, user or assistant");
}

// A string, or parts of type text.
std::string read_content(const Json& message) {
  const auto content = message.find("content");
  if (content != message.end() && content->is_string()) return content->get<std::string>();
  if (content == message.end() || !content->is_array()) {
    refuse("messages", "the 'content' of a message must be a string or an array of text parts");
  }
  std::string text;
  for (const Json& part : *content) {
    const Json* words = nullptr;
    if (part.is_object() && part.value("type", Json()) == "text" && part.contains("text")) words = &part.at("text");
    if (words == nullptr || !words->is_string()) refuse("messages", "only parts of type text are supported");
    text += words->get<std::string>();
  }
  return text;
}

void check_turns(const std::vector<ApiMessage>& messages) {
  using Role = ApiMessage::Role;
  Role wanted = Role::kUser;
  for (std::size_t i = 0; i < messages.size(); ++i) {
    if (i == 0 && messages[i].role == Role::kSystem) continue;
    if (messages[i].role != wanted) {
      refuse("messages", "after an optional system message, 'messages' must alternate between user and assistant");
    }
    wanted = wanted == Role::kUser ? Role::kAssistant : Role::kUser;
  }
  if (messages.back().role != Role::kUser) refuse("messages", "the last of 'messages' must be the user's");
}

void read_messages_into(const Body& body, ApiRequest& request) {
  const Json* messages = body.find("messages");
  if (messages == nullptr || !messages->is_array() || messages->empty()) {
    refuse("messages", "'messages' must be an array of at least one message");
  }
  for (const Json& message : *messages) {
    if (!message.is_object()) refuse("messages", "a message must be an object");
    for (const char* unsupported : {"tool_calls", "function_call", "audio"}) {
      if (message.contains(unsupported) && !message.at(unsupported).is_null()) {
        refuse("messages", fmt::format("'{}' of a message is not supported", unsupported));
      }
    }
    const ApiMessage::Role role = read_role(message);
    request.messages.push_back({role, read_content(message)});
  }
  check_turns(request.messages);
}

void read_stop_into(const Body& body, ApiRequest& request) {
  const Json* stop = body.find("stop");
  if (stop == nullptr) return;
  const Json list = stop->is_array() ? *stop : Json::array({*stop});
  if (list.size() > kMaxStops) refuse("stop", fmt::format("'stop' has at most {}", counted(kMaxStops, "text")));
  for (const Json& text : list) {
    const bool good = text.is_string() && !text.get_ref<const std::string&>().empty() &&
                      text.get_ref<const std::string&>().size() <= kMaxStopBytes;
    if (!good)
      refuse("stop", fmt::format("'stop' must be a text, or an array of texts, of 1 to {} bytes", kMaxStopBytes));
    request.stop.push_back(text.get<std::string>());
  }
}

void read_sampling_into(const Body& body, ApiRequest& request) {
  request.sampling.temperature = body.number("temperature", 0, kMaxTemperature).value_or(1);
  request.sampling.top_p = body.number("top_p", 0, 1).value_or(1);
  if (request.sampling.top_p == 0) refuse("top_p", "'top_p' must be above 0");
  // -1 is another server's way to say "all".
  request.sampling.top_k =
      std::max(0, body.integer<std::int32_t>("top_k", -1, std::numeric_limits<std::int32_t>::max()).value_or(0));
  if (const auto seed = body.integer<std::int64_t>("seed", std::numeric_limits<std::int64_t>::min(),
                                                   std::numeric_limits<std::int64_t>::max())) {
    request.sampling.seed = static_cast<std::uint64_t>(*seed);
    request.has_seed = true;
  }
}

void read_logprobs_into(const Body& body, ApiRequest& request) {
  if (request.kind == ApiKind::kCompletion) {
    request.logprobs = body.integer<std::int32_t>("logprobs", 0, kMaxCompletionLogprobs);
    return;
  }
  const bool wanted = body.flag("logprobs").value_or(false);
  const auto top = body.integer<std::int32_t>("top_logprobs", 0, kMaxChatLogprobs);
  if (top && !wanted) refuse("top_logprobs", "'top_logprobs' needs 'logprobs': true");
  if (wanted) request.logprobs = top.value_or(0);
}

void read_stream_into(const Body& body, ApiRequest& request) {
  request.stream = body.flag("stream").value_or(false);
  const Json* options = body.find("stream_options");
  if (options == nullptr) return;
  if (!options->is_object()) refuse("stream_options", "'stream_options' must be an object");
  if (!request.stream) refuse("stream_options", "'stream_options' needs 'stream': true");
  for (const auto& [key, value] : options->items()) {
    // continuous_usage_stats false and include_obfuscation are other servers' and change nothing here.
    const bool known =
        key == "include_usage" || key == "include_obfuscation" || (key == "continuous_usage_stats" && value == false);
    if (!known) refuse("stream_options", fmt::format("unknown stream option '{}'", one_line(key, 60)));
  }
  request.stream_usage = Body(*options).flag("include_usage").value_or(false);
}

void read_limit_into(const Body& body, ApiRequest& request) {
  constexpr std::int32_t kMost = std::numeric_limits<std::int32_t>::max();
  request.max_tokens = body.integer<std::int32_t>("max_tokens", 1, kMost);
  if (request.kind == ApiKind::kCompletion) return;
  if (const auto newer = body.integer<std::int32_t>("max_completion_tokens", 1, kMost)) request.max_tokens = newer;
}

}  // namespace

ApiRequest parse_api_request(ApiKind kind, std::string_view bytes) {
  Json json;
  try {
    json = parse_guarded_json(bytes, "the request's body", kMaxBodyBytes);
  } catch (const Error& error) {
    throw ApiError(400, error.what());
  }
  if (!json.is_object()) throw ApiError(400, "the request's body must be a JSON object");
  check_keys(kind, json);
  const Body body(json);
  ApiRequest request;
  request.kind = kind;
  request.model = body.text("model").value_or("");
  if (kind == ApiKind::kCompletion) {
    read_prompt_into(body, request);
  } else {
    read_messages_into(body, request);
  }
  read_limit_into(body, request);
  read_sampling_into(body, request);
  read_stop_into(body, request);
  read_logprobs_into(body, request);
  read_stream_into(body, request);
  request.ignore_end = body.flag("ignore_eos").value_or(false);
  return request;
}

}  // namespace inferbench
