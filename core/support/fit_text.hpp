// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace inferbench {

/// Number of characters in valid UTF-8. Wide East Asian characters count as one.
std::size_t character_count(std::string_view text);

/// Breaks `text` of unknown origin into lines of at most `width` characters, at spaces; a longer word is split. Nothing
/// is left out; control characters become spaces. Empty text gives no lines.
std::vector<std::string> wrap_text(std::string_view text, std::size_t width);

/// Shortens to at most `width` characters: "..." replaces the middle, so that both ends can be read.
std::string shorten_middle(std::string_view text, std::size_t width);

/// Shortens a path to at most `width` characters. A path that fits is returned unchanged. A longer one is written
/// relative to the current folder or to ~ if it is below one of them, and as a last resort with "..." in the middle.
std::string shorten_path(std::string_view path, std::size_t width);

}  // namespace inferbench
