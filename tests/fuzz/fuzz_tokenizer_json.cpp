// SPDX-License-Identifier: Apache-2.0
// libFuzzer target over tokenizer.json: the input, up to its first NUL, is the file, and what follows is a text.
#include <cstddef>
#include <cstdint>
#include <limits>
#include <string>
#include <string_view>
#include <vector>

#include "check.hpp"
#include "text/tokenizer_json/json_tokenizer.hpp"

namespace {

using inferbench::TokenizerForm;
using inferbench::fuzz::require;

void check_text(const TokenizerForm& form, std::string_view text) {
  const std::vector<std::int32_t> ids = form.encode(text, false);
  std::string at_once;
  const auto decoder = form.decoder();
  for (const std::int32_t id : form.add_special(ids)) {
    require(form.has(id), "ids are in the vocabulary");
    decoder->push(id, at_once);
  }
  decoder->finish(at_once);
  require(form.encode(text, false) == ids, "the same text has the same ids");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view all(reinterpret_cast<const char*>(data), size);
  const std::size_t end = all.find('\0');
  try {
    const auto form = inferbench::tokenizer_json::parse_json_tokenizer(
        std::string(all.substr(0, end)), "tokenizer.json", std::numeric_limits<std::int32_t>::max());
    if (end != std::string_view::npos) check_text(*form, all.substr(end + 1));
    check_text(*form,
               "abc ab  \xE2\x96\x81 1 .\n<s> caf\xC3\xA9 \xff "
               "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa");
  } catch (const inferbench::Error& error) {
    inferbench::fuzz::check_error(error);
  }
  return 0;
}
