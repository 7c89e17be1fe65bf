// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace inferbench {

/// GPT-2's vocabulary files spell each byte as one printable character: the printable Latin-1 bytes (33-126, 161-172,
/// 174-255) as themselves, the other 68, in order, as U+0100 to U+0143 ("Ġ" is the space). This is
/// `bytes_to_unicode` of OpenAI's encoder.py.
class ByteAlphabet {
 public:
  ByteAlphabet();

  /// The character of `byte`, as UTF-8.
  const std::string& spelling(std::uint8_t byte) const { return spelling_[byte]; }

  /// The bytes that `token` (UTF-8, as in vocab.json) stands for; nothing where a character is outside the alphabet.
  std::optional<std::string> to_bytes(std::string_view token) const;

 private:
  static constexpr std::uint32_t kSize = 0x144;
  std::array<std::string, 256> spelling_;
  std::array<std::int16_t, kSize> byte_of_;  ///< by code point; -1: none
};

}  // namespace inferbench
