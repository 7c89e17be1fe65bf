// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <span>
#include <stdexcept>
#include <string>
#include <vector>

namespace inferbench {

/// What came over the socket is no message of this protocol.
class ProtocolError : public std::runtime_error {
 public:
  explicit ProtocolError(const std::string& what) : std::runtime_error(what) {}
};

/// Larger frames are refused: the largest true one is a profile of some 100 MB.
inline constexpr std::size_t kMaxFrameBytes = std::size_t{256} << 20U;
/// Deeper values are refused before they are built: the parser recurses.
inline constexpr int kMaxFrameDepth = 16;

/// A message as it travels: the payload's length in four bytes, little-endian, then the value in MessagePack.
std::vector<std::uint8_t> encode_frame(const nlohmann::json& message);

/// A payload's value. Throws ProtocolError for whatever is not exactly one MessagePack value of bounded depth.
nlohmann::json decode_payload(std::span<const std::uint8_t> payload);

/// Cuts a stream of bytes into payloads.
class FrameBuffer {
 public:
  void append(std::span<const std::uint8_t> bytes);
  /// The next whole payload, or nullopt until more comes. Throws ProtocolError for a length beyond kMaxFrameBytes.
  std::optional<std::vector<std::uint8_t>> next();

 private:
  std::vector<std::uint8_t> bytes_;
};

/// Blocking, for the worker's end. send_frame throws ProtocolError when the other end is gone; receive_frame returns
/// nullopt then.
void send_frame(int fd, const nlohmann::json& message);
std::optional<nlohmann::json> receive_frame(int fd, FrameBuffer& buffer);

}  // namespace inferbench
