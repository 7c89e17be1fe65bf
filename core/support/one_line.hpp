// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

namespace inferbench {

/// Makes text of unknown origin safe for one line of a terminal: control characters become spaces, runs of spaces
/// become one, bytes that are not UTF-8 become '?', both ends are trimmed. At most `limit` bytes; "..." marks a cut.
std::string one_line(std::string_view text, std::size_t limit = 512);

}  // namespace inferbench
