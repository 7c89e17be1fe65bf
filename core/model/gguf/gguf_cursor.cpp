// SPDX-License-Identifier: Apache-2.0
#include "model/gguf/gguf_cursor.hpp"

#include <fmt/format.h>

#include "support/error.hpp"

namespace inferbench {

std::span<const std::byte> GgufCursor::take(std::uint64_t n, std::string_view what) {
  if (n > n_left()) {
    throw Error(fmt::format("{}: ends at byte {}, within {}", file_, bytes_.size(), what), kFetchGgufAgain);
  }
  const auto part = bytes_.subspan(static_cast<std::size_t>(position_), static_cast<std::size_t>(n));
  position_ += n;
  return part;
}

std::string_view GgufCursor::text(std::uint64_t max_bytes, std::string_view what) {
  const auto length = number<std::uint64_t>(what);
  if (length > max_bytes) {
    throw Error(fmt::format("{}: {} is {} bytes long; at most {} are accepted", file_, what, length, max_bytes),
                kFetchGgufAgain);
  }
  const auto part = take(length, what);
  return {reinterpret_cast<const char*>(part.data()), part.size()};
}

}  // namespace inferbench
