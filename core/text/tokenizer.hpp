// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <limits>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "text/token_decoder.hpp"

namespace inferbench {

class TokenizerForm;

/// Text to token ids and back, by the files that come with a model: tokenizer.json or, without one, GPT-2's vocab.json
/// and merges.txt; of a GGUF file, by its metadata. Immutable after load; any number of threads may use one.
class Tokenizer {
 public:
  /// `place`: a model's folder or GGUF file. `vocab`: how many tokens the model knows; added tokens beyond it are then
  /// ordinary text. Throws Error that names the file, and the line, the component or the key.
  static Tokenizer load(const std::filesystem::path& place,
                        std::int32_t vocab = std::numeric_limits<std::int32_t>::max());

  /// The tokens of a text alone, without those that mark its beginning or end. In tokenizer.json's form, added tokens
  /// (such as <|im_start|>) that are in the text are found; in GPT-2's they are text. With byte-level vocabularies and
  /// byte fallback every byte string has tokens; else what is not UTF-8 becomes U+FFFD.
  std::vector<std::int32_t> encode(std::string_view bytes) const;
  /// The same for a text that follows another one, cut where `last_cut` says: nothing is prepended.
  std::vector<std::int32_t> encode_continued(std::string_view bytes) const;
  /// The last place where `text` may be cut without any token becoming another; npos: nowhere.
  std::size_t last_cut(std::string_view text) const;

  /// Adds the special tokens that the model expects around a text, such as one at its beginning. GPT-2 has none.
  std::vector<std::int32_t> add_special(std::vector<std::int32_t> ids) const;

  /// Bytes, not necessarily valid UTF-8. Throws Error on an id outside the vocabulary.
  std::string decode(std::span<const std::int32_t> ids) const;
  /// For one token after another. Doesn't outlive the tokenizer.
  std::unique_ptr<TokenDecoder> decoder() const;

  /// One more than the largest id.
  std::int32_t size() const;
  bool has(std::int32_t id) const;
  /// The id of the token that is spelled `text`, as the files spell it.
  std::optional<std::int32_t> find_token(std::string_view text) const;

 private:
  explicit Tokenizer(std::shared_ptr<const TokenizerForm> form);
  std::shared_ptr<const TokenizerForm> form_;
};

}  // namespace inferbench
