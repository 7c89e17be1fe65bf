// SPDX-License-Identifier: Apache-2.0
#include "text/tokenizer_json/pattern.hpp"

namespace inferbench::tokenizer_json {

Pattern Pattern::read(const JsonPart& part) {
  const auto string = part.find("String");
  const auto regex = part.find("Regex");
  if (string && !regex) {
    std::string text = string->text();
    if (text.empty()) string->fail("the pattern is empty");
    return {std::move(text), part.where()};
  }
  if (!regex || string) part.fail("expected one of 'String' and 'Regex'");
  return {Regex(regex->text(), part.where()), part.where()};
}

void Pattern::for_each(std::string_view text, WorkLimit& limit, const Regex::Found& found) const {
  if (const auto* regex = std::get_if<Regex>(&sought_)) {
    regex->for_each(text, limit, found);
    return;
  }
  const std::string& sought = std::get<std::string>(sought_);
  for (std::size_t at = text.find(sought); at != std::string_view::npos; at = text.find(sought, at + sought.size())) {
    found(at, at + sought.size());
  }
}

std::string Pattern::replace(std::string_view text, std::string_view content, WorkLimit& limit) const {
  std::string result;
  result.reserve(text.size());
  std::size_t copied = 0;
  for_each(text, limit, [&](std::size_t begin, std::size_t end) {
    result += text.substr(copied, begin - copied);
    limit.check_size(result.size() + content.size(), where_);
    result += content;
    copied = end;
  });
  return result.append(text.substr(copied));
}

}  // namespace inferbench::tokenizer_json
