// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <span>
#include <string_view>
#include <utility>

namespace inferbench {

/// What the page cache holds of a model's files when a contender loads it.
enum class PageCache : std::int32_t { kAsIs, kWarm, kCold };

/// As experiment files spell it.
inline constexpr std::array<std::pair<std::string_view, PageCache>, 3> kPageCaches{
    {{"as_is", PageCache::kAsIs}, {"warm", PageCache::kWarm}, {"cold", PageCache::kCold}}};

std::string_view to_string(PageCache cache);
std::optional<PageCache> page_cache_from(std::string_view text);

/// The share of the files' pages that is in the page cache, 0 to 1, by mincore; nullopt for no files, or where one
/// cannot be mapped. Reads no page.
std::optional<double> page_cache_share(std::span<const std::filesystem::path> files);

/// Asks the kernel to forget the files' pages, written back first: the next read comes from the disk. Pages that some
/// process has mapped stay, as do all of a file system in memory; page_cache_share tells.
void drop_from_page_cache(std::span<const std::filesystem::path> files);

/// Reads the files once, so that the next read comes from memory, as far as that suffices.
void read_into_page_cache(std::span<const std::filesystem::path> files);

}  // namespace inferbench
