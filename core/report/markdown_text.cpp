// SPDX-License-Identifier: Apache-2.0
#include "report/markdown_text.hpp"

#include <algorithm>

#include "support/one_line.hpp"

namespace inferbench {

std::string markdown_text(std::string_view text) {
  std::string escaped;
  for (const char c : one_line(text)) {
    if (c == '<') {
      escaped += "&lt;";
    } else if (c == '>') {
      escaped += "&gt;";
    } else if (c == '&') {
      escaped += "&amp;";
    } else {
      // '@' would notify the GitHub user of that name if the text is posted.
      if (std::string_view("\\`*_{}[]|#~@").find(c) != std::string_view::npos) escaped += '\\';
      escaped += c;
    }
  }
  return escaped;
}

std::string markdown_code(std::string_view text, std::string_view language) {
  std::size_t longest = 0;
  std::size_t run = 0;
  for (const char c : text) {
    run = c == '`' ? run + 1 : 0;
    longest = std::max(longest, run);
  }
  const std::string fence(std::max<std::size_t>(3, longest + 1), '`');
  std::string block = fence;
  block += language;
  block += '\n';
  block += text;
  if (!text.ends_with('\n')) block += '\n';
  return block + fence + "\n";
}

}  // namespace inferbench
