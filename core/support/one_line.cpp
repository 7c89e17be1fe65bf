// SPDX-License-Identifier: Apache-2.0
#include "support/one_line.hpp"

#include <cstddef>
#include <cstdint>

#include "support/utf8.hpp"

namespace inferbench {

std::string one_line(std::string_view text, std::size_t limit) {
  std::string line;
  std::size_t before_dots = 0;  // length at which `line` still has room for "..."
  bool space = false;
  while (!text.empty()) {
    const std::size_t length = utf8_length(text);
    const std::string_view piece = length == 0 ? std::string_view("?") : text.substr(0, length);
    text.remove_prefix(length == 0 ? 1 : length);
    const auto first = static_cast<std::uint8_t>(piece[0]);
    // C0 and DEL. C1 (U+0080 to U+009F) can control terminals too.
    const bool c1 = piece.size() == 2 && first == 0xC2 && static_cast<std::uint8_t>(piece[1]) < 0xA0;
    if (first <= 0x20 || first == 0x7F || c1) {
      space = !line.empty();
      continue;
    }
    if (line.size() + piece.size() + (space ? 1U : 0U) > limit) return line.substr(0, before_dots) + "...";
    if (space) line += ' ';
    space = false;
    line += piece;
    if (line.size() + 3 <= limit) before_dots = line.size();
  }
  return line;
}

}  // namespace inferbench
