// SPDX-License-Identifier: Apache-2.0
#include "http/api_answer.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "http/sse_parser.hpp"

namespace inferbench {

namespace {

using OrderedJson = nlohmann::ordered_json;

std::string compact(const OrderedJson& json) {
  return json.dump(-1, ' ', false, OrderedJson::error_handler_t::replace);
}

OrderedJson or_null_text(std::string_view text) {
  return text.empty() ? OrderedJson(nullptr) : OrderedJson(text);
}

OrderedJson byte_list(const std::string& text) {
  OrderedJson bytes = OrderedJson::array();
  for (const char byte : text) bytes.push_back(static_cast<std::uint8_t>(byte));
  return bytes;
}

std::int64_t count_characters(const std::string& text) {
  return std::count_if(text.begin(), text.end(),
                       [](char byte) { return (static_cast<unsigned char>(byte) & 0xC0) != 0x80; });
}

// Four lists of equal length.
OrderedJson completion_logprobs(const std::vector<TokenLogprob>& tokens, std::int64_t& offset) {
  OrderedJson lists = {{"text_offset", OrderedJson::array()},
                       {"token_logprobs", OrderedJson::array()},
                       {"tokens", OrderedJson::array()},
                       {"top_logprobs", OrderedJson::array()}};
  for (const TokenLogprob& token : tokens) {
    lists["text_offset"].push_back(offset);
    lists["token_logprobs"].push_back(token.logprob);
    lists["tokens"].push_back(token.token);
    OrderedJson top = OrderedJson::object();
    for (const auto& [text, logprob] : token.top) top[text] = logprob;
    lists["top_logprobs"].push_back(std::move(top));
    offset += count_characters(token.token);
  }
  return lists;
}

OrderedJson chat_logprobs(const std::vector<TokenLogprob>& tokens) {
  const auto entry = [](const std::string& text, double logprob) -> OrderedJson {
    return {{"token", text}, {"logprob", logprob}, {"bytes", byte_list(text)}};
  };
  OrderedJson content = OrderedJson::array();
  for (const TokenLogprob& token : tokens) {
    OrderedJson one = entry(token.token, token.logprob);
    one["top_logprobs"] = OrderedJson::array();
    for (const auto& [text, logprob] : token.top) one["top_logprobs"].push_back(entry(text, logprob));
    content.push_back(std::move(one));
  }
  return {{"content", std::move(content)}, {"refusal", nullptr}};
}

OrderedJson logprobs_of(ApiKind kind, const std::vector<TokenLogprob>* tokens, std::int64_t& offset) {
  if (tokens == nullptr) return nullptr;
  return kind == ApiKind::kChat ? chat_logprobs(*tokens) : completion_logprobs(*tokens, offset);
}

OrderedJson usage_json(const TokenUsage& usage) {
  return {{"prompt_tokens", usage.prompt},
          {"completion_tokens", usage.completion},
          {"total_tokens", usage.prompt + usage.completion}};
}

OrderedJson head_json(const AnswerWriter::Head& head, std::string_view object) {
  const bool chat = head.kind == ApiKind::kChat;
  return {{"id", (chat ? "chatcmpl-" : "cmpl-") + head.id},
          {"object", object},
          {"created", head.created_s},
          {"model", head.model}};
}

OrderedJson model_entry(const std::string& model, std::int64_t created_s) {
  return {{"id", model}, {"object", "model"}, {"created", created_s}, {"owned_by", "inferbench"}};
}

// A chunk with these choices.
std::string chunk_event(const AnswerWriter::Head& head, OrderedJson choices, const OrderedJson& usage) {
  OrderedJson chunk = head_json(head, head.kind == ApiKind::kChat ? "chat.completion.chunk" : "text_completion");
  chunk["choices"] = std::move(choices);
  if (head.stream_usage) chunk["usage"] = usage;
  return sse_event(compact(chunk));
}

}  // namespace

std::string AnswerWriter::whole(const std::string& text, const std::vector<TokenLogprob>* logprobs,
                                std::string_view reason, const TokenUsage& usage) const {
  const bool chat = head_.kind == ApiKind::kChat;
  OrderedJson answer = head_json(head_, chat ? "chat.completion" : "text_completion");
  OrderedJson choice = {{"index", 0}};
  if (chat) {
    choice["message"] = {{"role", "assistant"}, {"content", text}, {"refusal", nullptr}};
  } else {
    choice["text"] = text;
  }
  std::int64_t offset = 0;
  choice["logprobs"] = logprobs_of(head_.kind, logprobs, offset);
  choice["finish_reason"] = reason;
  answer["choices"] = OrderedJson::array({std::move(choice)});
  answer["usage"] = usage_json(usage);
  return compact(answer);
}

std::string AnswerWriter::begin() const {
  if (head_.kind != ApiKind::kChat) return {};
  const OrderedJson choice = {{"index", 0},
                              {"delta", {{"role", "assistant"}, {"content", ""}}},
                              {"logprobs", nullptr},
                              {"finish_reason", nullptr}};
  return chunk_event(head_, OrderedJson::array({choice}), nullptr);
}

std::string AnswerWriter::piece(const std::string& text, const std::vector<TokenLogprob>* logprobs,
                                std::string_view reason) {
  OrderedJson choice = {{"index", 0}};
  if (head_.kind == ApiKind::kChat) {
    choice["delta"] = text.empty() ? OrderedJson::object() : OrderedJson{{"content", text}};
  } else {
    choice["text"] = text;
  }
  choice["logprobs"] = logprobs_of(head_.kind, logprobs, offset_);
  choice["finish_reason"] = or_null_text(reason);
  return chunk_event(head_, OrderedJson::array({std::move(choice)}), nullptr);
}

std::string AnswerWriter::end(const TokenUsage& usage) const {
  std::string events = head_.stream_usage ? chunk_event(head_, OrderedJson::array(), usage_json(usage)) : std::string();
  return events + sse_event(kSseDone);
}

std::string error_json(const ApiError& error) {
  const int status = error.status();
  const char* type = status == 429   ? "rate_limit_error"
                     : status == 401 ? "authentication_error"
                     : status >= 500 ? "server_error"
                                     : "invalid_request_error";
  return compact({{"error",
                   {{"message", error.what()},
                    {"type", type},
                    {"param", or_null_text(error.param())},
                    {"code", or_null_text(error.code())}}}});
}

std::string model_json(const std::string& model, std::int64_t created_s) {
  return compact(model_entry(model, created_s));
}

std::string models_json(const std::string& model, std::int64_t created_s) {
  return compact({{"object", "list"}, {"data", OrderedJson::array({model_entry(model, created_s)})}});
}

std::string sse_event(std::string_view data) {
  return std::string("data: ").append(data).append("\n\n");
}

}  // namespace inferbench
