// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <optional>
#include <span>

namespace inferbench {

/// The share of the files' pages that is in the page cache, 0 to 1, by mincore; nullopt for no files, or where one
/// cannot be mapped. Reads no page.
std::optional<double> page_cache_share(std::span<const std::filesystem::path> files);

}  // namespace inferbench
