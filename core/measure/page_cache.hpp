// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <optional>
#include <span>

namespace inferbench {

/// The share of the files' pages that is in the page cache, 0 to 1, by mincore; nullopt for no files, or where one
/// cannot be mapped. Reads no page.
std::optional<double> page_cache_share(std::span<const std::filesystem::path> files);

/// Asks the kernel to forget the files' pages, written back first: the next read comes from the disk. Pages that some
/// process has mapped stay, as do all of a file system in memory; page_cache_share tells.
void drop_from_page_cache(std::span<const std::filesystem::path> files);

/// Reads the files once, so that the next read comes from memory, as far as that suffices.
void read_into_page_cache(std::span<const std::filesystem::path> files);

}  // namespace inferbench
