// SPDX-License-Identifier: Apache-2.0
#include "results/utc_time.hpp"

#include <array>
#include <ctime>

namespace inferbench {

namespace {

std::string format_now(const char* format) {
  const std::time_t now = std::time(nullptr);
  std::tm utc{};
  gmtime_r(&now, &utc);
  std::array<char, 64> text{};
  return {text.data(), std::strftime(text.data(), text.size(), format, &utc)};
}

}  // namespace

std::string utc_now() {
  return format_now("%Y-%m-%dT%H:%M:%SZ");
}

std::string utc_for_file_names() {
  return format_now("%Y%m%dT%H%M%SZ");
}

}  // namespace inferbench
