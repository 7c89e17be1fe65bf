// SPDX-License-Identifier: Apache-2.0
#include "measure/cache_size.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <fstream>
#include <string>

namespace inferbench {

std::uint64_t last_cache_bytes() {
  constexpr std::uint64_t kUnknown = std::uint64_t{32} << 20U;
  std::uint64_t largest = 0;
  for (int index = 0;; ++index) {
    std::ifstream file(fmt::format("/sys/devices/system/cpu/cpu0/cache/index{}/size", index));
    std::uint64_t size = 0;
    char unit = 0;
    if (!(file >> size)) break;
    if (file >> unit) size <<= unit == 'K' ? 10U : unit == 'M' ? 20U : 0U;
    largest = std::max(largest, size);
  }
  return largest > 0 ? largest : kUnknown;
}

}  // namespace inferbench
