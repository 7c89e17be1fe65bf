// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "model/model.hpp"
#include "text/tokenizer.hpp"

namespace inferbench {

/// The tokenizer in the model's folder. Throws Error where there is none, or one with more tokens than the model knows.
Tokenizer tokenizer_of(const Model& model);

/// Token ids of a prompt, with the special tokens that the model expects. An empty prompt becomes an end-of-text token,
/// like the start of GPT-2's training texts, if there are none. Throws Error if the model does not have this token.
std::vector<std::int32_t> encode_prompt(const Tokenizer& tokenizer, const std::string& text, const ModelConfig& config);

/// The first `limit` tokens of a text file; fewer only where it ends. Throws Error as tokenizer_of,
/// and where the file cannot be read.
std::vector<std::int32_t> first_tokens(const Model& model, const std::filesystem::path& text, std::size_t limit);

}  // namespace inferbench
