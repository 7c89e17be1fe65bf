// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "stats/ratio.hpp"

namespace inferbench {

/// Text for a terminal, with ANSI codes or, without `colour`, as it is.
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

/// Columns of a terminal line that any table keeps to.
inline constexpr std::size_t kConsoleWidth = 100;

/// Columns of a contender's name, in the tables that have a row for each.
inline constexpr std::size_t kNameWidth = 20;

/// Columns of speed_cell.
inline constexpr std::size_t kSpeedCellWidth = 26;

/// "  3.89x   3.85-3.93 faster ", or "  3.89x too few blocks     ", painted by the verdict, kSpeedCellWidth wide as
/// seen.
std::string speed_cell(const SpeedRatio& ratio, const ConsoleStyle& style);

/// One character for a table: "+" faster, "-" slower, "=" same, "?" unclear, " " too few blocks; painted by the
/// verdict.
std::string verdict_mark(Verdict verdict, const ConsoleStyle& style);

/// Lines of `indent` spaces and `text`, which is wrapped and never cut, within kConsoleWidth. Each ends with a newline.
std::string indented(std::string_view text, std::size_t indent);

/// A name of unknown origin, `width` columns wide; where it does not fit, on a line of its own with `width` columns of
/// the next.
std::string name_cell(std::string_view name, std::size_t width);

/// Whether `fd` is a terminal that takes colour: NO_COLOR (no-color.org) unset or empty, TERM not "dumb".
bool wants_colour(int fd);

}  // namespace inferbench
