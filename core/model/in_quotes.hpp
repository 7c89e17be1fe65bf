// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace inferbench {

/// Formats a name or value from a file for a message: in quotes, one line, cut after `limit` bytes.
std::string in_quotes(std::string_view text, std::size_t limit = 100);

}  // namespace inferbench
