// SPDX-License-Identifier: Apache-2.0
#define PCRE2_CODE_UNIT_WIDTH 8
#include "text/pretokenizer.hpp"

#include <fmt/format.h>
#include <pcre2.h>

#include <array>
#include <cstddef>
#include <new>
#include <string>

#include "support/error.hpp"

namespace inferbench {
namespace {

// \s is spelled out: PCRE2's own also takes U+180E, which lost White_Space in Unicode 6.3.
constexpr std::string_view kPattern = R"('s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\p{White_Space}\p{L}\p{N}]+)"
                                      R"(|\p{White_Space}+(?!\P{White_Space})|\p{White_Space}+)";

struct FreeMatchData {
  void operator()(pcre2_match_data* data) const { pcre2_match_data_free(data); }
};
using MatchData = std::unique_ptr<pcre2_match_data, FreeMatchData>;

std::string pcre2_message(int code) {
  std::array<PCRE2_UCHAR, 256> text{};
  pcre2_get_error_message(code, text.data(), text.size());
  return reinterpret_cast<const char*>(text.data());
}

bool is_utf8_error(int code) {
  return code <= PCRE2_ERROR_UTF8_ERR1 && code >= PCRE2_ERROR_UTF8_ERR21;
}

}  // namespace

struct Pretokenizer::Pattern {
  struct Free {
    void operator()(pcre2_code* compiled) const { pcre2_code_free(compiled); }
  };
  std::unique_ptr<pcre2_code, Free> code;

  /// End of the piece that starts at `offset` of `text`, or a PCRE2 error (below 0).
  std::ptrdiff_t match(std::string_view text, std::size_t offset, std::uint32_t options, MatchData& data) const {
    const int result = pcre2_match(code.get(), reinterpret_cast<PCRE2_SPTR>(text.data()), text.size(), offset, options,
                                   data.get(), nullptr);
    return result < 0 ? result : static_cast<std::ptrdiff_t>(pcre2_get_ovector_pointer(data.get())[1]);
  }
};

Pretokenizer::Pretokenizer() {
  int error = 0;
  PCRE2_SIZE offset = 0;
  auto pattern = std::make_shared<Pattern>();
  pattern->code.reset(pcre2_compile(reinterpret_cast<PCRE2_SPTR>(kPattern.data()), kPattern.size(),
                                    PCRE2_UTF | PCRE2_UCP | PCRE2_ANCHORED, &error, &offset, nullptr));
  if (!pattern->code) {
    throw Error(fmt::format("PCRE2 refuses GPT-2's pattern at {}: {}", offset, pcre2_message(error)),
                "install PCRE2 10.40 or newer, with Unicode support");
  }
  // Where this fails (no JIT built in, or no executable memory granted), pcre2_match interprets, only slower.
  pcre2_jit_compile(pattern->code.get(), PCRE2_JIT_COMPLETE);
  pattern_ = std::move(pattern);
}

void Pretokenizer::split(std::string_view text, const std::function<void(std::string_view)>& piece) const {
  MatchData data(pcre2_match_data_create(1, nullptr));
  if (!data) throw std::bad_alloc();
  std::size_t invalid = 0;  // bytes at the front of `text` that are not UTF-8
  while (invalid < text.size()) {
    std::string_view rest = text.substr(invalid);
    // The first match without NO_UTF_CHECK checks all of the rest, once; the later ones may then rely on it.
    std::ptrdiff_t end = pattern_->match(rest, 0, 0, data);
    if (is_utf8_error(static_cast<int>(end))) {
      const std::size_t valid = pcre2_get_startchar(data.get());
      if (valid == 0) {
        ++invalid;
        continue;
      }
      rest = rest.substr(0, valid);
      end = pattern_->match(rest, 0, PCRE2_NO_UTF_CHECK, data);
    }
    if (invalid > 0) piece(text.substr(0, invalid));
    std::size_t begin = 0;
    while (true) {
      if (end <= static_cast<std::ptrdiff_t>(begin)) {
        throw Error(fmt::format("text cannot be cut at byte {}: {}", begin, pcre2_message(static_cast<int>(end))));
      }
      piece(rest.substr(begin, static_cast<std::size_t>(end) - begin));
      begin = static_cast<std::size_t>(end);
      if (begin == rest.size()) break;
      end = pattern_->match(rest, begin, PCRE2_NO_UTF_CHECK, data);
    }
    text.remove_prefix(invalid + rest.size());
    invalid = 0;
  }
  if (invalid > 0) piece(text);
}

}  // namespace inferbench
