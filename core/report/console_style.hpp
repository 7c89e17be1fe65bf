// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "stats/ratio.hpp"

namespace inferbench {

/// Text for a terminal: with ANSI codes, or unchanged without `colour`.
class ConsoleStyle {
 public:
  explicit ConsoleStyle(bool colour) : colour_(colour) {}

  std::string bold(std::string_view text) const { return painted("1", text); }
  std::string green(std::string_view text) const { return painted("32", text); }
  std::string red(std::string_view text) const { return painted("31", text); }
  std::string dim(std::string_view text) const { return painted("2", text); }

 private:
  std::string painted(const char* code, std::string_view text) const;
  bool colour_;
};

/// Maximum width of a line of any table, in columns.
inline constexpr std::size_t kConsoleWidth = 100;

/// Width of a contender's name in tables that have a row per contender.
inline constexpr std::size_t kNameWidth = 20;

/// Width of speed_cell.
inline constexpr std::size_t kSpeedCellWidth = 26;

/// "  3.89x   3.85-3.93 faster ", or "  3.89x too few blocks     ", colored by the verdict; kSpeedCellWidth visible
/// columns.
std::string speed_cell(const SpeedRatio& ratio, const ConsoleStyle& style);

/// One character for a table: "+" faster, "-" slower, "=" same, "?" unclear, " " too few blocks; colored by the
/// verdict.
std::string verdict_mark(Verdict verdict, const ConsoleStyle& style);

/// `text`, wrapped (never cut) within kConsoleWidth, as lines indented by `indent` spaces. Each ends with a newline.
std::string indented(std::string_view text, std::size_t indent);

/// A name of unknown origin in `width` columns. If it does not fit, it gets its own line, followed by `width` spaces on
/// the next.
std::string name_cell(std::string_view name, std::size_t width);

/// True if `fd` is a terminal that supports color: NO_COLOR (no-color.org) unset or empty, TERM not "dumb".
bool wants_colour(int fd);

}  // namespace inferbench
