// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <variant>

#include "text/tokenizer_json/json_part.hpp"
#include "text/tokenizer_json/regex.hpp"
#include "text/tokenizer_json/work_limit.hpp"

namespace inferbench::tokenizer_json {

/// What Split and Replace look for: `{"String": "..."}` or `{"Regex": "..."}`.
class Pattern {
 public:
  /// Throws Error.
  static Pattern read(const JsonPart& part);

  /// As Regex::for_each.
  void for_each(std::string_view text, WorkLimit& limit, const Regex::Found& found) const;
  /// `text` with every match replaced by `content` as it is. Throws Error, also if the result is too large.
  std::string replace(std::string_view text, std::string_view content, WorkLimit& limit) const;

 private:
  Pattern(std::variant<std::string, Regex> sought, std::string where)
      : sought_(std::move(sought)), where_(std::move(where)) {}

  std::variant<std::string, Regex> sought_;
  std::string where_;
};

}  // namespace inferbench::tokenizer_json
