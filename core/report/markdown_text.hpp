// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

namespace inferbench {

/// Escapes text of unknown origin for a line or a table cell of GitHub's Markdown: one line, and no character in it
/// acts as markup or HTML.
std::string markdown_text(std::string_view text);

/// `text` as a code block whose fence is longer than any fence in it. Ends with a newline.
std::string markdown_code(std::string_view text, std::string_view language);

}  // namespace inferbench
