// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace inferbench {

/// Characters of valid UTF-8; wide ones of East Asia count as one.
std::size_t character_count(std::string_view text);

/// `text` of unknown origin as lines of at most `width` characters, broken at spaces; a longer word is split. Nothing
/// is left out; control characters become spaces. Empty text gives no lines.
std::vector<std::string> wrap_text(std::string_view text, std::size_t width);

/// At most `width` characters: where that is too few, "..." replaces the middle, so that both ends can be read.
std::string shorten_middle(std::string_view text, std::size_t width);

/// A path in at most `width` characters. One that fits is returned unchanged. A longer one is written relative to the
/// current folder or to ~ where it lies below them, and as a last resort with "..." in the middle.
std::string shorten_path(std::string_view path, std::size_t width);

}  // namespace inferbench
