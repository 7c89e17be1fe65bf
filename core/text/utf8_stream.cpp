// SPDX-License-Identifier: Apache-2.0
#include "text/utf8_stream.hpp"

#include <algorithm>
#include <cstdint>
#include <utility>

namespace inferbench {
namespace {

/// Bytes of the character that starts with `byte`; 0: none does.
std::size_t character_size(std::uint8_t byte) {
  if (byte < 0x80) return 1;
  if (byte >= 0xC2 && byte < 0xE0) return 2;
  if (byte >= 0xE0 && byte < 0xF0) return 3;
  return byte >= 0xF0 && byte < 0xF5 ? 4 : 0;
}

/// Length of an unfinished character at the end of `bytes`, else 0.
std::size_t unfinished_tail(std::string_view bytes) {
  for (std::size_t tail = 1; tail <= std::min<std::size_t>(3, bytes.size()); ++tail) {
    const auto byte = static_cast<std::uint8_t>(bytes[bytes.size() - tail]);
    if ((byte & 0xC0U) == 0x80U) continue;
    return character_size(byte) > tail ? tail : 0;
  }
  return 0;
}

}  // namespace

std::string Utf8Stream::push(std::string_view bytes) {
  std::string all = std::exchange(held_, {}).append(bytes);
  const std::size_t ready = all.size() - unfinished_tail(all);
  held_ = all.substr(ready);
  all.resize(ready);
  return all;
}

std::string Utf8Stream::flush() {
  return std::exchange(held_, {});
}

}  // namespace inferbench
