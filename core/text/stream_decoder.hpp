// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>

#include "text/tokenizer.hpp"
#include "text/utf8_stream.hpp"

namespace inferbench {

/// The text of tokens as a model makes them. All that is pushed and flushed together is what Tokenizer::decode gives
/// for all the tokens, less what it gives for those before; no character is ever split. Not thread-safe.
class StreamDecoder {
 public:
  /// `before`: tokens that the new ones follow. Some tokenizers drop a space at the beginning of a text, and only
  /// there.
  explicit StreamDecoder(Tokenizer tokenizer, std::span<const std::int32_t> before = {});

  /// What can be shown now. An id that no token has is U+FFFD: models have more outputs than tokens.
  std::string push(std::int32_t id);
  /// The rest.
  std::string flush();

 private:
  Tokenizer tokenizer_;
  std::unique_ptr<TokenDecoder> decoder_;
  Utf8Stream characters_;
};

}  // namespace inferbench
