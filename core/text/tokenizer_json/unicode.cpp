// SPDX-License-Identifier: Apache-2.0
#include "text/tokenizer_json/unicode.hpp"

#include <fmt/format.h>
#include <unicode/bytestream.h>
#include <unicode/normalizer2.h>
#include <unicode/uchar.h>

#include <algorithm>
#include <limits>

#include "support/error.hpp"

namespace inferbench::tokenizer_json {
namespace {

const icu::Normalizer2& normalizer_of(UnicodeForm form, UErrorCode& status) {
  switch (form) {
    case UnicodeForm::kNfc:
      return *icu::Normalizer2::getNFCInstance(status);
    case UnicodeForm::kNfd:
      return *icu::Normalizer2::getNFDInstance(status);
    case UnicodeForm::kNfkc:
      return *icu::Normalizer2::getNFKCInstance(status);
    case UnicodeForm::kNfkd:
      break;
  }
  return *icu::Normalizer2::getNFKDInstance(status);
}

bool is_ascii(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) { return static_cast<unsigned char>(c) < 0x80; });
}

void append_character(std::int32_t code, std::string& text) {
  const auto bits = [code](int shift, unsigned mask) { return static_cast<unsigned>(code) >> shift & mask; };
  const auto add = [&text](unsigned byte) { text.push_back(static_cast<char>(byte)); };
  if (code < 0x80) {
    add(bits(0, 0x7FU));
    return;
  }
  if (code < 0x800) {
    add(0xC0U | bits(6, 0x1FU));
  } else {
    if (code < 0x10000) {
      add(0xE0U | bits(12, 0xFU));
    } else {
      add(0xF0U | bits(18, 7U));
      add(0x80U | bits(12, 0x3FU));
    }
    add(0x80U | bits(6, 0x3FU));
  }
  add(0x80U | bits(0, 0x3FU));
}

}  // namespace

std::string to_form(std::string_view text, UnicodeForm form) {
  if (is_ascii(text)) return std::string(text);
  if (text.size() > std::numeric_limits<std::int32_t>::max()) throw Error("the text is too large", "cut it into parts");
  UErrorCode status = U_ZERO_ERROR;
  std::string result;
  const icu::Normalizer2& normalizer = normalizer_of(form, status);
  if (U_SUCCESS(status)) {
    icu::StringByteSink<std::string> sink(&result, static_cast<std::int32_t>(text.size()));
    normalizer.normalizeUTF8(0, icu::StringPiece(text.data(), static_cast<std::int32_t>(text.size())), sink, nullptr,
                             status);
  }
  if (U_FAILURE(status)) throw Error(fmt::format("ICU can't normalize this text: {}", u_errorName(status)));
  return result;
}

std::string to_lowercase(std::string_view text) {
  std::string result;
  result.reserve(text.size());
  while (!text.empty()) {
    const Character character = first_character(text);
    if (character.code == 0x130) {
      result += "i\u0307";  // the only character whose full mapping has two
    } else {
      append_character(u_tolower(character.code), result);
    }
    text.remove_prefix(character.n_bytes);
  }
  return result;
}

Character first_character(std::string_view text) {
  const auto first = static_cast<std::uint8_t>(text[0]);
  if (first < 0x80) return {first, 1};
  const std::size_t n_bytes = first < 0xE0 ? 2 : first < 0xF0 ? 3 : 4;
  std::int32_t code = first & (0xFF >> (n_bytes + 1));
  for (std::size_t i = 1; i < n_bytes; ++i) code = code << 6 | (static_cast<std::uint8_t>(text[i]) & 0x3F);
  return {code, n_bytes};
}

Character last_character(std::string_view text) {
  std::size_t at = text.size() - 1;
  while ((static_cast<std::uint8_t>(text[at]) & 0xC0U) == 0x80U) --at;
  return first_character(text.substr(at));
}

bool is_white_space(std::int32_t code) {
  return u_isUWhiteSpace(code) != 0;
}

bool is_number(std::int32_t code) {
  return (U_GET_GC_MASK(code) & U_GC_N_MASK) != 0;
}

bool is_punctuation(std::int32_t code) {
  if (code < 0x80 && (U_GET_GC_MASK(code) & U_GC_S_MASK) != 0) return true;
  return (U_GET_GC_MASK(code) & U_GC_P_MASK) != 0;
}

bool is_word(std::int32_t code) {
  return u_hasBinaryProperty(code, UCHAR_ALPHABETIC) != 0 || u_hasBinaryProperty(code, UCHAR_JOIN_CONTROL) != 0 ||
         (U_GET_GC_MASK(code) & (U_GC_M_MASK | U_GC_ND_MASK | U_GC_PC_MASK)) != 0;
}

std::size_t leading_spaces(std::string_view text) {
  std::size_t n = 0;
  while (n < text.size()) {
    const Character character = first_character(text.substr(n));
    if (!is_white_space(character.code)) break;
    n += character.n_bytes;
  }
  return n;
}

std::size_t trailing_spaces(std::string_view text) {
  std::size_t n = 0;
  while (n < text.size()) {
    const Character character = last_character(text.substr(0, text.size() - n));
    if (!is_white_space(character.code)) break;
    n += character.n_bytes;
  }
  return n;
}

}  // namespace inferbench::tokenizer_json
