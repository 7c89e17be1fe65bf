// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <string_view>

namespace inferbench {

/// What a name under tokenizer.ggml.pre stands for, in the form of tokenizer.json.
struct GgufPreTokenizer {
  bool normalizes = false;      ///< to NFC, as Qwen's own tokenizers do
  bool ignores_merges = false;  ///< a piece that is a token is not made by merges
  bool adds_bos = false;        ///< unless the metadata say otherwise
  bool uses_gpt2_pattern = false;
  /// Patterns whose matches are pieces, one after another, before that of GPT-2, if it is used.
  std::array<std::string_view, 4> splits{};
};

/// nullopt if the name is not known.
std::optional<GgufPreTokenizer> find_gguf_pre_tokenizer(std::string_view name);

/// "default, deepseek-r1-qwen, ...".
std::string known_gguf_pre_tokenizers();

/// The pre_tokenizer of tokenizer.json: the cuts, then bytes spelled as characters.
nlohmann::json pre_tokenizer_json(const GgufPreTokenizer& cuts);

}  // namespace inferbench
