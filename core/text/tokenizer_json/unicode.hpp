// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace inferbench::tokenizer_json {

/// What the components ask of Unicode, answered by ICU. All text is valid UTF-8.

enum class UnicodeForm { kNfc, kNfd, kNfkc, kNfkd };
std::string to_form(std::string_view text, UnicodeForm form);

/// Each character by itself (no final sigma).
std::string to_lowercase(std::string_view text);

struct Character {
  std::int32_t code;  ///< code point
  std::size_t n_bytes;
};
/// `text` is not empty.
Character first_character(std::string_view text);
Character last_character(std::string_view text);

bool is_white_space(std::int32_t code);
bool is_number(std::int32_t code);       ///< categories Nd, Nl, No
bool is_punctuation(std::int32_t code);  ///< categories P* and ASCII's symbols
bool is_word(std::int32_t code);         ///< UTS 18's word characters, \w of most regular expressions

/// Bytes of white space at the start, at the end of `text`.
std::size_t leading_spaces(std::string_view text);
std::size_t trailing_spaces(std::string_view text);

}  // namespace inferbench::tokenizer_json
