// SPDX-License-Identifier: Apache-2.0
#include "http/served_model.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <string_view>
#include <utility>

#include "http/api_error.hpp"
#include "support/counted.hpp"
#include "support/error.hpp"
#include "support/one_line.hpp"
#include "text/model_text.hpp"

namespace inferbench {

namespace {

constexpr std::int32_t kDefaultCompletionTokens = 16;  // OpenAI's

std::string conversation_of(const std::vector<ApiMessage>& messages, const ChatWriter& chat) {
  std::optional<std::string_view> system;
  std::vector<ChatMessage> turns;
  for (const ApiMessage& message : messages) {
    if (message.role == ApiMessage::Role::kSystem) {
      system = message.text;
    } else {
      const bool user = message.role == ApiMessage::Role::kUser;
      turns.push_back({user ? ChatMessage::Role::kUser : ChatMessage::Role::kAssistant, message.text});
    }
  }
  try {
    return chat.conversation(turns, system);
  } catch (const Error& error) {
    throw ApiError(400, error.what(), "messages");
  }
}

}  // namespace

ServedModel::ServedModel(const Model& model, std::string name, std::int32_t context)
    : name_(std::move(name)), tokenizer_(tokenizer_of(model)), config_(model.config()), context_(context) {
  try {
    const auto files = read_chat_files(*model.place());
    if (!files) {
      no_chat_ = "the model has no chat template; use /v1/completions";
      return;
    }
    chat_.emplace(*files, chat_date());
    chat_end_tokens_ = chat_end_tokens(*chat_, *files, tokenizer_, config_.end_tokens);
  } catch (const Error& error) {
    no_chat_ = error.what();
  }
}

GenerationRequest ServedModel::generation_of(const ApiRequest& request) const {
  if (request.model != name_) {
    throw ApiError(
        404, fmt::format("the model '{}' does not exist; this server has '{}'", one_line(request.model, 100), name_),
        "model", "model_not_found");
  }
  GenerationRequest generation;
  generation.prompt = prompt_of(request);
  generation.max_tokens = tokens_wanted(request, generation.prompt.size());
  generation.sampling = request.sampling;
  generation.logprobs = request.logprobs.value_or(-1);
  if (!request.ignore_end) {
    generation.stop_ids = request.kind == ApiKind::kChat ? chat_end_tokens_ : config_.end_tokens;
  }
  return generation;
}

std::vector<std::int32_t> ServedModel::prompt_of(const ApiRequest& request) const {
  if (request.kind == ApiKind::kChat) {
    if (!chat_) throw ApiError(400, no_chat_, "messages");
    return tokenizer_.encode(conversation_of(request.messages, *chat_));
  }
  if (!request.prompt_ids.empty()) {
    const auto wrong = std::find_if(request.prompt_ids.begin(), request.prompt_ids.end(),
                                    [&](std::int32_t id) { return id < 0 || id >= config_.vocab_size; });
    if (wrong == request.prompt_ids.end()) return request.prompt_ids;
    throw ApiError(400, fmt::format("token id {} is outside the vocabulary of {}", *wrong, config_.vocab_size),
                   "prompt");
  }
  try {
    return encode_prompt(tokenizer_, request.prompt, config_);
  } catch (const Error& error) {
    throw ApiError(400, error.what(), "prompt");
  }
}

std::int32_t ServedModel::tokens_wanted(const ApiRequest& request, std::size_t prompt) const {
  const auto n_prompt = static_cast<std::int64_t>(prompt);
  const std::int64_t room = context_ - n_prompt + 1;  // the last token is generated but never fed
  std::int64_t wanted = room;
  if (request.max_tokens) {
    wanted = *request.max_tokens;
  } else if (request.kind == ApiKind::kCompletion) {
    wanted = std::min<std::int64_t>(room, kDefaultCompletionTokens);
  }
  if (room < 1 || wanted > room) {
    throw ApiError(
        400,
        fmt::format("the context of this server is {}, but {} and {} were asked for", counted(context_, "token"),
                    counted(n_prompt, "prompt token"), counted(std::max<std::int64_t>(wanted, 1), "new token")),
        request.kind == ApiKind::kChat ? "messages" : "prompt", "context_length_exceeded");
  }
  return static_cast<std::int32_t>(wanted);
}

}  // namespace inferbench
