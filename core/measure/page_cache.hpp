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

/// How much of a model's files is in the page cache when a contender loads it.
enum class PageCache : std::int32_t { kAsIs, kWarm, kCold };

/// The names in experiment files.
inline constexpr std::array<std::pair<std::string_view, PageCache>, 3> kPageCaches{
    {{"as_is", PageCache::kAsIs}, {"warm", PageCache::kWarm}, {"cold", PageCache::kCold}}};

std::string_view to_string(PageCache cache);
std::optional<PageCache> page_cache_from(std::string_view text);

/// The share of the files' pages in the page cache, 0 to 1, from mincore; nullopt if there are no files or one cannot
/// be mapped. Reads no page.
std::optional<double> page_cache_share(std::span<const std::filesystem::path> files);

/// Writes the files' pages back and asks the kernel to drop them, so that the next read comes from the disk. Pages that
/// a process has mapped stay, as do all pages of an in-memory file system; page_cache_share shows the result.
void drop_from_page_cache(std::span<const std::filesystem::path> files);

/// Reads the files once, so that the next read comes from memory, as far as memory suffices.
void read_into_page_cache(std::span<const std::filesystem::path> files);

}  // namespace inferbench
