// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <filesystem>
#include <string>
#include <vector>

namespace inferbench {

/// What a user asked and got.
struct PromptText {
  std::string prompt;
  std::string answer;  ///< empty: the file has none
};

/// The first `limit` prompts of a file, in order. A file whose name ends in .json has a list of conversations in the
/// form of ShareGPT: {"conversations": [{"from": "human", "value": "..."}, {"from": "gpt", "value": "..."}]}, or the
/// same with "messages", "role" and "content". The first two turns of each count; conversations without two are left
/// out. Any other file is a text with a prompt on each line. Throws Error if the file cannot be read, is malformed or
/// has no prompt.
std::vector<PromptText> read_prompt_file(const std::filesystem::path& path, std::size_t limit);

}  // namespace inferbench
