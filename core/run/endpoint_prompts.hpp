// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "http/endpoint.hpp"
#include "http/prompt_text.hpp"
#include "model/model.hpp"
#include "text/tokenizer.hpp"

namespace inferbench {

/// Turns the prompts of a sweep into those of a server.
///
/// Random token ids are shifted by a number that differs between objects, so that a server can't know prompts from
/// earlier runs or from another contender at the same address. Equal ids stay equal, and so do shared prefixes.
class EndpointPrompts {
 public:
  /// `real_text`: prompts are windows of a text, which are sent as they are.
  EndpointPrompts(const Model& model, bool real_text);
  EndpointPrompts(const EndpointPrompts&) = delete;
  EndpointPrompts& operator=(const EndpointPrompts&) = delete;

  /// `as_ids`: else as a text, whose tokens the model's tokenizer counts if it has one. Another `turn` gives another
  /// prompt for the same random ids.
  EndpointRequest request_of(std::vector<std::int32_t> ids, bool as_ids, std::int32_t turn = 0) const;

  /// Number of the text's tokens; absent without a tokenizer.
  std::optional<std::int64_t> count(const std::string& text) const;

  std::int32_t vocab() const { return vocab_; }
  std::int32_t offset() const { return offset_; }  ///< added to all ids, modulo the vocabulary

 private:
  std::int32_t vocab_;
  bool real_text_;
  std::int32_t offset_ = 0;
  std::optional<Tokenizer> tokenizer_;  ///< absent: the model has none
  PromptTexts texts_;                   ///< borrows the tokenizer
};

}  // namespace inferbench
