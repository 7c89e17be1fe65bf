// SPDX-License-Identifier: Apache-2.0
#include "support/json_problem.hpp"

#include <string_view>

#include "support/one_line.hpp"

namespace inferbench {

namespace {

// The text between `before` and `after`; empty if either is missing.
std::string_view between(std::string_view text, std::string_view before, std::string_view after) {
  const std::size_t begin = text.find(before);
  if (begin == std::string_view::npos) return {};
  const std::size_t end = text.find(after, begin + before.size());
  if (end == std::string_view::npos) return {};
  return text.substr(begin + before.size(), end - begin - before.size());
}

}  // namespace

std::string json_problem(const nlohmann::json::exception& error) {
  // "[json.exception.parse_error.101] parse error at line 1, column 2: ...", "... key 'name' not found",
  // "... type must be string, but is number"
  std::string_view what = error.what();
  if (const auto place = between(what, "parse error at ", ":"); !place.empty()) {
    return "not valid JSON at " + one_line(place, 60);
  }
  if (const auto key = between(what, "key '", "' not found"); !key.empty()) {
    return "'" + one_line(key, 60) + "' is missing";
  }
  if (const auto wanted = between(what, "type must be ", ", but is "); !wanted.empty()) {
    const std::string_view found = what.substr(what.find(", but is ") + 9);
    return "expected " + one_line(wanted, 40) + ", found " + one_line(found, 40);
  }
  if (const auto end = what.find("] "); what.starts_with('[') && end != std::string_view::npos) {
    what.remove_prefix(end + 2);
  }
  return one_line(what, 200);
}

}  // namespace inferbench
