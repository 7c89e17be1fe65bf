// SPDX-License-Identifier: Apache-2.0
#include "model/in_quotes.hpp"

#include <fmt/format.h>

#include "support/one_line.hpp"

namespace inferbench {

std::string in_quotes(std::string_view text, std::size_t limit) {
  return fmt::format("'{}'", one_line(text, limit));
}

}  // namespace inferbench
