// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

namespace inferbench {

/// Text of unknown origin made fit for a line or a table cell of Markdown (GitHub's): one line, and no character of it
/// is read as markup or HTML.
std::string markdown_text(std::string_view text);

/// `text` as a code block whose fence is longer than any in it. Ends with a newline.
std::string markdown_code(std::string_view text, std::string_view language);

}  // namespace inferbench
