// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <variant>
#include <vector>

#include "text/tokenizer_json/json_part.hpp"
#include "text/tokenizer_json/pattern.hpp"
#include "text/tokenizer_json/unicode.hpp"
#include "text/tokenizer_json/work_limit.hpp"

namespace inferbench::tokenizer_json {

/// What rewrites the text before it is cut.
struct PrependText {
  std::string text;  ///< not before an empty text
};
struct ReplaceText {
  Pattern pattern;
  std::string content;
};
struct LowercaseText {};
struct StripText {
  bool left;
  bool right;
};
using Normalizer = std::variant<UnicodeForm, PrependText, ReplaceText, LowercaseText, StripText>;

/// Sequences are flattened. Throws Error.
std::vector<Normalizer> read_normalizers(const JsonPart& part);

/// `continues`: the text follows another one without a gap, and gets nothing prepended. Throws Error if the result
/// is too large or a pattern takes too long.
std::string normalize(const std::vector<Normalizer>& normalizers, std::string text, bool continues, WorkLimit& limit);

}  // namespace inferbench::tokenizer_json
