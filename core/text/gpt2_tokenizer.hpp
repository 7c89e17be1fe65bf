// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <memory>

#include "text/tokenizer_form.hpp"

namespace inferbench {

/// GPT-2's byte-level BPE from vocab.json and merges.txt: exact for every Unicode string, and every byte string
/// survives encode then decode. Throws Error that names the file and the line.
std::shared_ptr<const TokenizerForm> load_gpt2_tokenizer(const std::filesystem::path& vocab,
                                                         const std::filesystem::path& merges);

}  // namespace inferbench
