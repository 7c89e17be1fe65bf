// SPDX-License-Identifier: Apache-2.0
#include "cli/text_columns.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace inferbench {

namespace {

constexpr std::size_t kLeastWidth = 24;
constexpr std::string_view kGap = " | ";

/// One displayed character.
struct Cell {
  std::string bytes;
  bool differs = false;
};
using Line = std::vector<Cell>;

// Length in bytes of the character that starts at `at`; 0 if there is no valid one.
std::size_t character_bytes(const std::string& text, std::size_t at) {
  const auto lead = static_cast<unsigned char>(text[at]);
  const std::size_t n = lead < 0x80 ? 1 : lead < 0xC0 ? 0 : lead < 0xE0 ? 2 : lead < 0xF0 ? 3 : 4;
  const auto continues = [](char c) { return (static_cast<unsigned char>(c) & 0xC0U) == 0x80U; };
  if (at + n > text.size()) return 0;
  for (std::size_t i = 1; i < n; ++i) {
    if (!continues(text[at + i])) return 0;
  }
  return n;
}

// Wraps after `width` characters and at each line break of the text. Control characters are replaced, since they would
// move the cursor.
std::vector<Line> wrap(const TextColumn& column, std::size_t width) {
  std::vector<Line> lines(1);
  const std::string& text = column.text;
  for (std::size_t i = 0; i < text.size();) {
    const std::size_t n = character_bytes(text, i);
    const bool is_control = static_cast<unsigned char>(text[i]) < 0x20 || text[i] == 0x7F;
    if (text[i] == '\n') {
      lines.emplace_back();
    } else {
      if (lines.back().size() == width) lines.emplace_back();
      lines.back().push_back({is_control || n == 0 ? std::string(1, '?') : text.substr(i, n), i >= column.differs_at});
    }
    i += std::max<std::size_t>(n, 1);
  }
  return lines;
}

std::string render(const Line& line, std::size_t width, bool colour) {
  std::string text;
  bool painted = false;
  for (const Cell& cell : line) {
    if (colour && cell.differs != painted) text += cell.differs ? "\x1b[33m" : "\x1b[0m";
    painted = cell.differs;
    text += cell.bytes;
  }
  if (colour && painted) text += "\x1b[0m";
  text.append(width - std::min(width, line.size()), ' ');
  return text;
}

std::string heading(const TextColumn& column, bool first) {
  if (first) return column.title;
  if (column.differs_at >= column.text.size()) return fmt::format("{}: identical", column.title);
  return fmt::format("{}: differs from character {}", column.title, column.differs_at + 1);
}

void end_line(std::string& text) {
  text.erase(text.find_last_not_of(' ') + 1);
  text += '\n';
}

std::string beside(const std::vector<TextColumn>& columns, std::size_t width, bool colour) {
  std::vector<std::vector<Line>> wrapped;
  std::size_t n_lines = 0;
  for (std::size_t c = 0; c < columns.size(); ++c) {
    std::vector<Line> lines = wrap({"", heading(columns[c], c == 0), std::string::npos}, width);
    lines.emplace_back(width, Cell{"-"});
    const std::vector<Line> body = wrap(columns[c], width);
    lines.insert(lines.end(), body.begin(), body.end());
    n_lines = std::max(n_lines, lines.size());
    wrapped.push_back(std::move(lines));
  }
  std::string text;
  for (std::size_t i = 0; i < n_lines; ++i) {
    for (std::size_t c = 0; c < wrapped.size(); ++c) {
      if (c > 0) text += kGap;
      text += render(i < wrapped[c].size() ? wrapped[c][i] : Line{}, width, colour);
    }
    end_line(text);
  }
  return text;
}

std::string below(const std::vector<TextColumn>& columns, std::size_t width, bool colour) {
  std::string text;
  for (std::size_t c = 0; c < columns.size(); ++c) {
    text += fmt::format("{}{}\n", c == 0 ? "" : "\n", heading(columns[c], c == 0));
    for (const Line& line : wrap(columns[c], width)) {
      text += render(line, 0, colour);
      text += '\n';
    }
  }
  return text;
}

}  // namespace

std::string render_columns(const std::vector<TextColumn>& columns, std::size_t width, bool colour) {
  const std::size_t gaps = kGap.size() * (columns.size() - 1);
  const std::size_t each = width > gaps ? (width - gaps) / columns.size() : 0;
  return each >= kLeastWidth ? beside(columns, each, colour) : below(columns, width, colour);
}

}  // namespace inferbench
