// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "text/tokenizer_json/json_part.hpp"

namespace inferbench::tokenizer_json {

/// A token that is found in the text before anything else is done to it, such as <|im_start|>.
struct AddedToken {
  std::string content;
  std::int32_t id = 0;
  bool special = false;
  bool lstrip = false;  ///< takes the white space before it, too
  bool rstrip = false;
  bool single_word = false;  ///< not where it touches a word character
  bool normalized = true;    ///< sought in the normalized text
};

/// In the file's order. Throws Error, also if a token is there twice.
std::vector<AddedToken> read_added_tokens(const JsonPart& part);

/// Finds added tokens in a text: of those at the leftmost place, the longest. Immutable.
class AddedTokenFinder {
 public:
  AddedTokenFinder() = default;
  /// `tokens`: without empty contents. `n` of them cost O(n log n); a text costs no more than the length of the
  /// longest content a byte.
  explicit AddedTokenFinder(std::vector<AddedToken> tokens);

  bool empty() const { return tokens_.empty(); }
  /// Calls `text` and `token` for the parts of `all` (valid UTF-8) in order. As in the published library, a token of
  /// white space is found even where the token before has taken that space.
  void split(std::string_view all, const std::function<void(std::string_view)>& text,
             const std::function<void(std::int32_t id)>& token) const;

 private:
  /// The longest token at the start of `text`, or null.
  const AddedToken* longest_at(std::string_view text) const;

  std::vector<AddedToken> tokens_;          ///< sorted by content, none twice
  std::array<std::uint32_t, 257> first_{};  ///< tokens that start with byte b: first_[b] to first_[b + 1]
};

}  // namespace inferbench::tokenizer_json
