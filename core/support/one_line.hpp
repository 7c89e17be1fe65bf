// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

namespace inferbench {

/// Text of unknown origin made fit for one line of a terminal: control characters become spaces, runs of spaces one,
/// bytes that are not UTF-8 become '?', ends trimmed. At most `limit` bytes; "..." marks a cut.
std::string one_line(std::string_view text, std::size_t limit = 512);

}  // namespace inferbench
