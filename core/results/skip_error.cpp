// SPDX-License-Identifier: Apache-2.0
#include "results/skip_error.hpp"

#include <fmt/format.h>

namespace inferbench {

namespace {
constexpr std::string_view kBeforeError = " trials in a row failed here, the last with: ";
}  // namespace

std::string skip_error(int failures, std::string_view error) {
  return fmt::format("{}{}{}", failures, kBeforeError, error);
}

std::string_view skipped_after(std::string_view text) {
  const std::size_t at = text.find(kBeforeError);
  return at == std::string_view::npos ? std::string_view() : text.substr(at + kBeforeError.size());
}

}  // namespace inferbench
