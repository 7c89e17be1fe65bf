// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <string_view>

namespace inferbench {

/// Length in bytes of the well-formed UTF-8 sequence at the start of `text` (RFC 3629, section 4); 0 if there is none
/// or `text` is empty.
std::size_t utf8_length(std::string_view text);

}  // namespace inferbench
