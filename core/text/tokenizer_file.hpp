// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <string>

namespace inferbench {

/// All of a tokenizer's file. Throws Error if it can't be read (`hint` says what to do if it is missing or is larger
/// than such a file can be).
std::string read_tokenizer_file(const std::filesystem::path& path, const std::string& hint);

}  // namespace inferbench
