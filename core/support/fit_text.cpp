// SPDX-License-Identifier: Apache-2.0
#include "support/fit_text.hpp"

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <limits>
#include <system_error>

#include "support/one_line.hpp"
#include "support/utf8.hpp"

namespace inferbench {

namespace {

// The size in bytes of the first `count` characters.
std::size_t bytes_of(std::string_view text, std::size_t count) {
  std::size_t bytes = 0;
  for (; count > 0 && bytes < text.size(); --count) {
    bytes += std::max<std::size_t>(1, utf8_length(text.substr(bytes)));
  }
  return bytes;
}

// The part of `path` after "FOLDER/"; empty if `path` is not below `folder`.
std::string_view below(std::string_view path, std::string_view folder) {
  while (folder.ends_with('/')) folder.remove_suffix(1);
  if (folder.empty() || !path.starts_with(folder)) return {};
  path.remove_prefix(folder.size());
  return path.starts_with('/') ? path.substr(1) : std::string_view();
}

}  // namespace

std::size_t character_count(std::string_view text) {
  std::size_t count = 0;
  for (; !text.empty(); ++count) text.remove_prefix(std::max<std::size_t>(1, utf8_length(text)));
  return count;
}

std::vector<std::string> wrap_text(std::string_view text, std::size_t width) {
  width = std::max<std::size_t>(1, width);
  const std::string line = one_line(text, std::numeric_limits<std::size_t>::max());
  std::vector<std::string> lines;
  for (std::string_view rest = line; !rest.empty();) {
    std::size_t take = bytes_of(rest, width);
    if (take < rest.size() && rest[take] != ' ') {
      const std::size_t space = rest.substr(0, take).rfind(' ');
      if (space != std::string_view::npos) take = space;
    }
    lines.emplace_back(rest.substr(0, take));
    rest.remove_prefix(take);
    if (rest.starts_with(' ')) rest.remove_prefix(1);
  }
  return lines;
}

std::string shorten_middle(std::string_view text, std::size_t width) {
  constexpr std::size_t kDots = 3;
  const std::size_t count = character_count(text);
  if (count <= width || width <= kDots) return std::string(text.substr(0, bytes_of(text, width)));
  const std::size_t tail = (width - kDots + 1) / 2;
  const std::size_t head = width - kDots - tail;
  return std::string(text.substr(0, bytes_of(text, head))) + "..." +
         std::string(text.substr(bytes_of(text, count - tail)));
}

std::string shorten_path(std::string_view path, std::size_t width) {
  if (character_count(path) <= width) return std::string(path);
  std::error_code problem;
  const std::string here = std::filesystem::current_path(problem).string();
  if (const std::string_view rest = below(path, here); !rest.empty()) return shorten_middle(rest, width);
  const char* home = std::getenv("HOME");
  const std::string_view rest = home == nullptr ? std::string_view() : below(path, home);
  return shorten_middle(rest.empty() ? std::string(path) : "~/" + std::string(rest), width);
}

}  // namespace inferbench
