// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <string>

namespace inferbench {

/// The bytes of a file. Throws std::runtime_error if it can't be opened.
std::string read_file(const std::filesystem::path& path);

}  // namespace inferbench
