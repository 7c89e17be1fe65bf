// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <vector>

#include "model/model.hpp"
#include "text/tokenizer.hpp"

namespace inferbench {

/// The tokenizer in the model's folder. Throws Error where there is none, or one with more tokens than the model knows.
Tokenizer tokenizer_of(const Model& model);

/// The first `limit` tokens of a text file; fewer only where it ends. Throws Error as tokenizer_of,
/// and where the file cannot be read.
std::vector<std::int32_t> first_tokens(const Model& model, const std::filesystem::path& text, std::size_t limit);

}  // namespace inferbench
