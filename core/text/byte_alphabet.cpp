// SPDX-License-Identifier: Apache-2.0
#include "text/byte_alphabet.hpp"

namespace inferbench {
namespace {

bool spelled_as_itself(std::uint32_t byte) {
  return (byte >= 33 && byte <= 126) || (byte >= 161 && byte <= 172) || byte >= 174;
}

}  // namespace

ByteAlphabet::ByteAlphabet() {
  byte_of_.fill(-1);
  std::uint32_t next_stand_in = 0x100;
  for (std::uint32_t byte = 0; byte < 256; ++byte) {
    const std::uint32_t code_point = spelled_as_itself(byte) ? byte : next_stand_in++;
    byte_of_.at(code_point) = static_cast<std::int16_t>(byte);
    std::string& text = spelling_.at(byte);
    if (code_point < 0x80) {
      text.push_back(static_cast<char>(code_point));
    } else {
      text.push_back(static_cast<char>(0xC0U | (code_point >> 6U)));
      text.push_back(static_cast<char>(0x80U | (code_point & 0x3FU)));
    }
  }
}

std::optional<std::string> ByteAlphabet::to_bytes(std::string_view token) const {
  std::string bytes;
  bytes.reserve(token.size());
  for (std::size_t i = 0; i < token.size(); ++i) {
    std::uint32_t code_point = static_cast<std::uint8_t>(token[i]);
    if (code_point >= 0x80) {
      // The alphabet ends at U+0143: whatever is not a two-byte sequence is outside it.
      if ((code_point & 0xE0U) != 0xC0U || i + 1 == token.size()) return std::nullopt;
      const std::uint32_t low = static_cast<std::uint8_t>(token[++i]);
      if ((low & 0xC0U) != 0x80U) return std::nullopt;
      code_point = ((code_point & 0x1FU) << 6U) | (low & 0x3FU);
    }
    if (code_point >= kSize || byte_of_[code_point] < 0) return std::nullopt;
    bytes.push_back(static_cast<char>(byte_of_[code_point]));
  }
  return bytes;
}

}  // namespace inferbench
