// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <gtest/gtest.h>

#include <cstdint>
#include <limits>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "support/error.hpp"
#include "text/tokenizer_form.hpp"
#include "text/tokenizer_json/json_part.hpp"
#include "text/tokenizer_json/json_tokenizer.hpp"

namespace inferbench::tokenizer_json {

/// What `read` makes of the component that `json` describes.
template <typename Read>
auto read_part(const std::string& json, const Read& read) {
  simdjson::dom::parser parser;
  return read(JsonPart(parser.parse(json), "t.json: part"));
}

/// A small file to be changed: tokens "<unk>" 0, "a" 1, "b" 2, "c" 3, "\u2581" 4, "ab" 5, "abc" 6, and "<s>" 7, which
/// is special.
inline nlohmann::json small_file() {
  return nlohmann::json::parse(R"({
    "added_tokens": [{"id": 7, "content": "<s>", "single_word": false, "lstrip": false, "rstrip": false,
                      "normalized": false, "special": true}],
    "normalizer": null, "pre_tokenizer": null, "post_processor": null, "decoder": {"type": "Fuse"},
    "model": {"type": "BPE", "unk_token": "<unk>", "fuse_unk": false, "byte_fallback": false,
              "vocab": {"<unk>": 0, "a": 1, "b": 2, "c": 3, "\u2581": 4, "ab": 5, "abc": 6},
              "merges": ["a b", "ab c"]}})");
}

inline std::shared_ptr<const TokenizerForm> parse_file(const nlohmann::json& file,
                                                       std::int32_t vocab = std::numeric_limits<std::int32_t>::max()) {
  return parse_json_tokenizer(file.dump(), "t.json", vocab);
}

inline std::vector<std::int32_t> ids_of(const nlohmann::json& file, const std::string& text) {
  return parse_file(file)->encode(text, false);
}

/// The message of the Error that `action` throws; an empty one if it throws none.
template <typename Action>
std::string error_of(const Action& action) {
  try {
    action();
  } catch (const Error& error) {
    EXPECT_FALSE(error.cure().empty()) << error.what();
    EXPECT_EQ(std::string(error.what()).find('\n'), std::string::npos) << error.what();
    EXPECT_LT(std::string(error.what()).size(), 1000U);
    return error.what();
  }
  return "";
}

}  // namespace inferbench::tokenizer_json
