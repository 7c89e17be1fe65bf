// SPDX-License-Identifier: Apache-2.0
#include "report/console_style.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <cstdlib>

#include "report/number_text.hpp"
#include "support/one_line.hpp"
#include "support/utf8.hpp"

namespace inferbench {

namespace {

// Characters of valid UTF-8; wide ones of East Asia count as one.
std::size_t characters(std::string_view text) {
  std::size_t count = 0;
  for (; !text.empty(); ++count) text.remove_prefix(std::max<std::size_t>(1, utf8_length(text)));
  return count;
}

}  // namespace

std::string ConsoleStyle::painted(const char* code, std::string_view text) const {
  if (!colour_) return std::string(text);
  return fmt::format("\x1b[{}m{}\x1b[0m", code, text);
}

std::string speed_cell(const SpeedRatio& ratio, const ConsoleStyle& style) {
  const Verdict verdict = judge(ratio);
  if (!ratio.interval) {
    return fmt::format("{:>6} {}", ratio_text(ratio.ratio) + "x",
                       style.dim(fmt::format("{:<{}}", to_string(verdict), kSpeedCellWidth - 7)));
  }
  const std::string word = fmt::format("{:<7}", to_string(verdict));
  const std::string painted = verdict == Verdict::kFaster   ? style.green(word)
                              : verdict == Verdict::kSlower ? style.red(word)
                                                            : style.dim(word);
  return fmt::format("{:>6} {:>11} {}", ratio_text(ratio.ratio) + "x", interval_text(*ratio.interval), painted);
}

std::string name_cell(std::string_view name, std::size_t width) {
  const std::string line = one_line(name, kConsoleWidth - 4);
  const std::size_t seen = characters(line);
  if (seen <= width) return line + std::string(width - seen, ' ');
  return line + "\n  " + std::string(width, ' ');
}

bool wants_colour(int fd) {
  const char* no_color = std::getenv("NO_COLOR");
  const char* term = std::getenv("TERM");
  if (no_color != nullptr && *no_color != '\0') return false;
  if (term == nullptr || std::string_view(term) == "dumb") return false;
  return isatty(fd) == 1;
}

}  // namespace inferbench
