// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace inferbench {

/// `text` as one word of a POSIX shell: unchanged if nothing in it is special, otherwise in single quotes.
std::string shell_quoted(std::string_view text);

/// The words of a command, quoted and separated by blanks.
std::string shell_command(const std::vector<std::string>& words);

}  // namespace inferbench
