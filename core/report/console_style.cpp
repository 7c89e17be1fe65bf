// SPDX-License-Identifier: Apache-2.0
#include "report/console_style.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <cstdlib>

#include "report/number_text.hpp"
#include "support/fit_text.hpp"
#include "support/one_line.hpp"

namespace inferbench {

namespace {

std::string painted_by(Verdict verdict, std::string_view text, const ConsoleStyle& style) {
  if (verdict == Verdict::kFaster) return style.green(text);
  return verdict == Verdict::kSlower ? style.red(text) : style.dim(text);
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
  return fmt::format("{:>6} {:>11} {}", ratio_text(ratio.ratio) + "x", interval_text(*ratio.interval),
                     painted_by(verdict, word, style));
}

std::string verdict_mark(Verdict verdict, const ConsoleStyle& style) {
  switch (verdict) {
    case Verdict::kFaster:
      return painted_by(verdict, "+", style);
    case Verdict::kSlower:
      return painted_by(verdict, "-", style);
    case Verdict::kSame:
      return painted_by(verdict, "=", style);
    case Verdict::kUnclear:
      return painted_by(verdict, "?", style);
    case Verdict::kTooFewBlocks:
      break;
  }
  return " ";
}

std::string indented(std::string_view text, std::size_t indent) {
  std::string lines;
  for (const std::string& line : wrap_text(text, kConsoleWidth - indent)) {
    lines += std::string(indent, ' ') + line + '\n';
  }
  return lines;
}

std::string name_cell(std::string_view name, std::size_t width) {
  const std::string line = shorten_path(one_line(name), kConsoleWidth - 2);
  const std::size_t seen = character_count(line);
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
