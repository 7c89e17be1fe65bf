// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <vector>

#include "text/tokenizer_json/json_part.hpp"

namespace inferbench::tokenizer_json {

/// Special tokens around the tokens of a text.
struct Surrounding {
  std::vector<std::int32_t> before;
  std::vector<std::int32_t> after;
};

/// What ByteLevel (nothing) and TemplateProcessing, or a Sequence of them, add to one text. Throws Error.
Surrounding read_post_processor(const JsonPart& part);

}  // namespace inferbench::tokenizer_json
