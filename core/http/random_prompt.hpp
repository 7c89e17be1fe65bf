// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "support/random.hpp"

namespace inferbench {

/// `n` common English words in random order. Nearly every vocabulary has each of them, with the space before it, as one
/// token, so the text has about `n` tokens for any model. Two prompts have no long beginning in common, so that no
/// server can answer from what it cached.
std::string random_prompt(std::int32_t n, SplitMix64& random);

/// One of these words, by its number below kPromptWords.
inline constexpr std::size_t kPromptWords = 128;
std::string_view prompt_word(std::size_t number);

}  // namespace inferbench
