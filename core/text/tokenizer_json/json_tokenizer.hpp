// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "text/tokenizer_form.hpp"

namespace inferbench::tokenizer_json {

/// A tokenizer from tokenizer.json: a BPE model and what is around it. `vocab`: how many tokens the model knows; added
/// tokens beyond it are left out. Throws Error that names the file and the component.
std::shared_ptr<const TokenizerForm> load_json_tokenizer(const std::filesystem::path& file, std::int32_t vocab);
/// The same from the file's text; `name` is for messages. `merge_ranks`: of each merge, the lowest is merged first;
/// empty: merges are in their order, as in all files.
std::shared_ptr<const TokenizerForm> parse_json_tokenizer(const std::string& text, const std::string& name,
                                                          std::int32_t vocab,
                                                          std::span<const std::int32_t> merge_ranks = {});

}  // namespace inferbench::tokenizer_json
