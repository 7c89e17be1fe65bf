// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "text/tokenizer.hpp"

namespace inferbench {

/// Writes texts of common English words that stand for prompts of token ids, for servers that take only texts. The ids
/// choose the words, so that prompts that share a beginning have texts that share about as long a beginning, and others
/// don't.
class PromptTexts {
 public:
  /// Borrows the tokenizer. With null, every word counts as one token, which it is in nearly every vocabulary.
  explicit PromptTexts(const Tokenizer* tokenizer);

  /// A text with as many tokens as there are ids, or a few less if no text was found that has exactly so many.
  std::string text_of(std::span<const std::int32_t> ids) const;

 private:
  void fill_up(std::string& text, std::span<const std::int32_t> rest, std::size_t wanted) const;

  const Tokenizer* tokenizer_;
  std::vector<std::size_t> costs_;  ///< tokens of each word with the space before it
};

}  // namespace inferbench
