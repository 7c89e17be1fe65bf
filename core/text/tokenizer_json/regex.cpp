// SPDX-License-Identifier: Apache-2.0
#define PCRE2_CODE_UNIT_WIDTH 8
#include "text/tokenizer_json/regex.hpp"

#include <fmt/format.h>
#include <pcre2.h>

#include <algorithm>
#include <array>
#include <new>
#include <utility>

#include "model/in_quotes.hpp"
#include "support/error.hpp"
#include "support/one_line.hpp"
#include "support/utf8.hpp"
#include "text/tokenizer_json/json_part.hpp"
#include "text/tokenizer_json/regex_syntax.hpp"

namespace inferbench::tokenizer_json {
namespace {

constexpr std::size_t kMaxPatternBytes = std::size_t{1} << 15U;
constexpr std::size_t kJitStackStart = std::size_t{1} << 15U;
constexpr std::size_t kJitStackEnd = std::size_t{1} << 24U;  // only what is used of it is ever paged in

struct Pcre2Free {
  void operator()(pcre2_compile_context* context) const { pcre2_compile_context_free(context); }
  void operator()(pcre2_match_context* context) const { pcre2_match_context_free(context); }
  void operator()(pcre2_match_data* data) const { pcre2_match_data_free(data); }
  void operator()(pcre2_jit_stack* stack) const { pcre2_jit_stack_free(stack); }
};
template <typename T>
using Pcre2Ptr = std::unique_ptr<T, Pcre2Free>;

template <typename T>
Pcre2Ptr<T> own_pcre2(T* object) {
  if (object == nullptr) throw std::bad_alloc();
  return Pcre2Ptr<T>(object);
}

std::string regex_problem(int code) {
  std::array<PCRE2_UCHAR, 256> text{};
  pcre2_get_error_message(code, text.data(), text.size());
  return reinterpret_cast<const char*>(text.data());
}

int stop_when_used_up(pcre2_callout_block*, void* limit) {
  return static_cast<WorkLimit*>(limit)->is_used_up() ? PCRE2_ERROR_CALLOUT : 0;
}

}  // namespace

struct Regex::Code {
  struct Free {
    void operator()(pcre2_code* code) const { pcre2_code_free(code); }
  };
  std::unique_ptr<pcre2_code, Free> compiled;
  std::string where;

  [[noreturn]] void fail(int error) const {
    if (error == PCRE2_ERROR_CALLOUT || error == PCRE2_ERROR_MATCHLIMIT || error == PCRE2_ERROR_DEPTHLIMIT ||
        error == PCRE2_ERROR_HEAPLIMIT || error == PCRE2_ERROR_JIT_STACKLIMIT) {
      throw Error(where + ": the pattern backtracks without end on this text", kTakeAgain);
    }
    throw Error(fmt::format("{}: the pattern fails on this text: {}", where, regex_problem(error)), kTakeAgain);
  }
};

Regex::Regex(std::string_view pattern, std::string where) {
  auto code = std::make_shared<Code>();
  code->where = one_line(where, 600);
  const auto fail = [&](const std::string& problem) {
    throw Error(fmt::format("{}: the pattern {} can't be used: {}", code->where, in_quotes(pattern, 200),
                            one_line(problem, 200)),
                kUseAnother);
  };
  if (pattern.size() > kMaxPatternBytes) fail("it is too long");
  std::string translated;
  try {
    translated = to_pcre2_syntax(pattern);
  } catch (const Error& error) {
    fail(error.what());
  }
  const auto context = own_pcre2(pcre2_compile_context_create(nullptr));
  pcre2_set_newline(context.get(), PCRE2_NEWLINE_LF);
  int error = 0;
  PCRE2_SIZE offset = 0;
  code->compiled.reset(pcre2_compile(reinterpret_cast<PCRE2_SPTR>(translated.data()), translated.size(),
                                     PCRE2_UTF | PCRE2_UCP | PCRE2_MULTILINE | PCRE2_NEVER_BACKSLASH_C, &error, &offset,
                                     context.get()));
  if (!code->compiled) fail(regex_problem(error));
  // Where this fails (no JIT built in, or no executable memory granted), pcre2_match interprets, only slower.
  pcre2_jit_compile(code->compiled.get(), PCRE2_JIT_COMPLETE);
  code_ = std::move(code);
}

void Regex::for_each(std::string_view text, WorkLimit& limit, const Found& found) const {
  const auto data = own_pcre2(pcre2_match_data_create(1, nullptr));
  const auto context = own_pcre2(pcre2_match_context_create(nullptr));
  pcre2_set_callout(context.get(), stop_when_used_up, &limit);
  Pcre2Ptr<pcre2_jit_stack> stack;  // made when the 32 KiB that PCRE2 has without one are too few
  std::size_t at = 0;
  std::size_t last_end = std::string_view::npos;
  while (at <= text.size()) {
    const int result = pcre2_match(code_->compiled.get(), reinterpret_cast<PCRE2_SPTR>(text.data()), text.size(), at,
                                   PCRE2_NO_UTF_CHECK, data.get(), context.get());
    if (result == PCRE2_ERROR_NOMATCH) return;
    if (result == PCRE2_ERROR_JIT_STACKLIMIT && !stack) {
      stack = own_pcre2(pcre2_jit_stack_create(kJitStackStart, kJitStackEnd, nullptr));
      pcre2_jit_stack_assign(context.get(), nullptr, stack.get());
      continue;
    }
    if (result < 0) code_->fail(result);
    const PCRE2_SIZE* span = pcre2_get_ovector_pointer(data.get());
    if (span[0] < at || span[1] < span[0]) code_->fail(PCRE2_ERROR_INTERNAL);  // by \K
    if (span[0] == span[1] && span[1] == last_end) {
      at += at == text.size() ? 1 : std::max<std::size_t>(1, utf8_length(text.substr(at)));
      continue;
    }
    at = last_end = span[1];
    found(span[0], span[1]);
  }
}

}  // namespace inferbench::tokenizer_json
