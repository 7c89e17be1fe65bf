// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace inferbench {

/// A name or value from a file as a message shows it: in quotes, one line, cut after `limit` bytes.
std::string in_quotes(std::string_view text, std::size_t limit = 100);

}  // namespace inferbench
