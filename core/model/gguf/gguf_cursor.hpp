// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>

#include "model/gguf/gguf_types.hpp"

namespace inferbench {

/// The hint for files that can't be as a writer left them.
inline constexpr const char* kFetchGgufAgain = "the file is damaged or incomplete; fetch it again";

/// A little-endian number at `bytes`, of any alignment.
template <typename Number>
Number gguf_number(const std::byte* bytes) {
  static_assert(std::is_trivially_copyable_v<Number>);
  Number value{};
  std::memcpy(&value, bytes, sizeof(value));
  return value;
}

/// Reads the header of a GGUF file from its beginning. Each call throws Error if the file ends too early.
class GgufCursor {
 public:
  GgufCursor(std::span<const std::byte> bytes, const std::string& file) : bytes_(bytes), file_(file) {}

  std::uint64_t position() const { return position_; }
  std::uint64_t n_left() const { return bytes_.size() - position_; }
  const std::string& file() const { return file_; }

  /// `what` names the missing part in messages.
  std::span<const std::byte> take(std::uint64_t n, std::string_view what);
  template <typename Number>
  Number number(std::string_view what) {
    return gguf_number<Number>(take(sizeof(Number), what).data());
  }
  /// A string of at most `max_bytes`.
  std::string_view text(std::uint64_t max_bytes, std::string_view what);

 private:
  std::span<const std::byte> bytes_;
  const std::string& file_;
  std::uint64_t position_ = 0;
};

}  // namespace inferbench
