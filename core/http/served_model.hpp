// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "http/api_request.hpp"
#include "http/generation.hpp"
#include "model/model.hpp"
#include "text/chat.hpp"
#include "text/tokenizer.hpp"

namespace inferbench {

/// A model's text side: what turns requests of the API into tokens.
class ServedModel {
 public:
  /// `name`: what clients call it. `context`: positions of a sequence, at most the model's. Throws Error.
  ServedModel(const Model& model, std::string name, std::int32_t context);

  const std::string& name() const { return name_; }
  const Tokenizer& tokenizer() const { return tokenizer_; }
  std::int32_t context() const { return context_; }
  /// Why chats are refused, as one line; empty if they are not.
  const std::string& no_chat() const { return no_chat_; }

  /// Everything but the id. A missing seed stays 0. Throws ApiError for another model, tokens that it does not have,
  /// and a request that does not fit into the context.
  GenerationRequest generation_of(const ApiRequest& request) const;

 private:
  std::vector<std::int32_t> prompt_of(const ApiRequest& request) const;
  std::int32_t tokens_wanted(const ApiRequest& request, std::size_t prompt) const;

  std::string name_;
  Tokenizer tokenizer_;
  ModelConfig config_;
  std::int32_t context_;
  std::optional<ChatWriter> chat_;
  std::vector<std::int32_t> chat_end_tokens_;
  std::string no_chat_;
};

}  // namespace inferbench
