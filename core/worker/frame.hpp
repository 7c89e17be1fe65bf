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

/// The bytes on the socket are not a message of this protocol.
class ProtocolError : public std::runtime_error {
 public:
  explicit ProtocolError(const std::string& what) : std::runtime_error(what) {}
};

/// Larger frames are refused. The largest real frame is a profile of about 100 MB.
inline constexpr std::size_t kMaxFrameBytes = std::size_t{256} << 20U;
/// Deeper values are refused before they are built, since the parser is recursive.
inline constexpr int kMaxFrameDepth = 16;

/// Encodes a message for the socket: the payload's length in four bytes, little-endian, then the value in MessagePack.
std::vector<std::uint8_t> encode_frame(const nlohmann::json& message);

/// Decodes a payload. Throws ProtocolError unless it is exactly one MessagePack value of bounded depth.
nlohmann::json decode_payload(std::span<const std::uint8_t> payload);

/// Splits a stream of bytes into payloads.
class FrameBuffer {
 public:
  void append(std::span<const std::uint8_t> bytes);
  /// The next complete payload; nullopt until more bytes arrive. Throws ProtocolError for a length above
  /// kMaxFrameBytes.
  std::optional<std::vector<std::uint8_t>> next();

 private:
  std::vector<std::uint8_t> bytes_;
};

/// Blocking, for the worker's end. If the other end is gone, send_frame throws ProtocolError and receive_frame returns
/// nullopt.
void send_frame(int fd, const nlohmann::json& message);
std::optional<nlohmann::json> receive_frame(int fd, FrameBuffer& buffer);

}  // namespace inferbench
