// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace inferbench {

/// One entry of vocab.json.
struct VocabEntry {
  std::string token;
  std::int32_t id = 0;
  std::int64_t line = 0;  ///< of the token, from 1
};

/// Reads `{"token": id, ...}`: one object of non-negative integers, nothing nested, in file order, keys as they come
/// (double ones included). Throws Error that names `file` and the line.
std::vector<VocabEntry> parse_vocab_json(std::string_view text, const std::string& file);

}  // namespace inferbench
