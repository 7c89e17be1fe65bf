// SPDX-License-Identifier: Apache-2.0
#include "worker/frame.hpp"

#include <fmt/core.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <nlohmann/json.hpp>

namespace inferbench {

namespace {

using Json = nlohmann::json;

constexpr std::size_t kLengthBytes = 4;

// Walks a value without building it, and stops if it is too deep, before the parser recurses further.
class DepthCheck : public nlohmann::json_sax<Json> {
 public:
  bool null() override { return true; }
  bool boolean(bool) override { return true; }
  bool number_integer(number_integer_t) override { return true; }
  bool number_unsigned(number_unsigned_t) override { return true; }
  bool number_float(number_float_t, const string_t&) override { return true; }
  bool string(string_t&) override { return true; }
  bool binary(binary_t&) override { return true; }
  bool key(string_t&) override { return true; }
  bool start_object(std::size_t) override { return enter(); }
  bool start_array(std::size_t) override { return enter(); }
  bool end_object() override { return leave(); }
  bool end_array() override { return leave(); }
  bool parse_error(std::size_t, const std::string&, const nlohmann::detail::exception&) override { return false; }

 private:
  bool enter() { return ++depth_ <= kMaxFrameDepth; }
  bool leave() {
    --depth_;
    return true;
  }
  int depth_ = 0;
};

}  // namespace

std::vector<std::uint8_t> encode_frame(const Json& message) {
  std::vector<std::uint8_t> frame(kLengthBytes);
  Json::to_msgpack(message, frame);
  const std::size_t length = frame.size() - kLengthBytes;
  if (length > kMaxFrameBytes) throw ProtocolError(fmt::format("a message of {} bytes is too large", length));
  for (std::size_t i = 0; i < kLengthBytes; ++i) frame[i] = static_cast<std::uint8_t>(length >> (8 * i));
  return frame;
}

Json decode_payload(std::span<const std::uint8_t> payload) {
  DepthCheck check;
  if (!Json::sax_parse(payload.begin(), payload.end(), &check, nlohmann::detail::input_format_t::msgpack)) {
    throw ProtocolError("a frame that is not a MessagePack value");
  }
  try {
    return Json::from_msgpack(payload.begin(), payload.end());
  } catch (const Json::exception& error) {
    throw ProtocolError(std::string("a frame that is not a MessagePack value: ") + error.what());
  }
}

void FrameBuffer::append(std::span<const std::uint8_t> bytes) {
  bytes_.insert(bytes_.end(), bytes.begin(), bytes.end());
}

std::optional<std::vector<std::uint8_t>> FrameBuffer::next() {
  if (bytes_.size() < kLengthBytes) return std::nullopt;
  std::size_t length = 0;
  for (std::size_t i = 0; i < kLengthBytes; ++i) length |= static_cast<std::size_t>(bytes_[i]) << (8 * i);
  if (length > kMaxFrameBytes)
    throw ProtocolError(fmt::format("a frame claims to have {} bytes, which is too many", length));
  if (bytes_.size() - kLengthBytes < length) return std::nullopt;
  const auto begin = bytes_.begin() + kLengthBytes;
  const auto end = begin + static_cast<std::ptrdiff_t>(length);
  std::vector<std::uint8_t> payload(begin, end);
  bytes_.erase(bytes_.begin(), end);
  return payload;
}

void send_frame(int fd, const Json& message) {
  const std::vector<std::uint8_t> frame = encode_frame(message);
  std::span<const std::uint8_t> left(frame);
  while (!left.empty()) {
    const ssize_t sent = send(fd, left.data(), left.size(), MSG_NOSIGNAL);
    if (sent < 0) {
      if (errno == EINTR) continue;
      throw ProtocolError(std::string("cannot send: ") + std::strerror(errno));
    }
    left = left.subspan(static_cast<std::size_t>(sent));
  }
}

std::optional<Json> receive_frame(int fd, FrameBuffer& buffer) {
  std::array<std::uint8_t, 65536> bytes{};
  while (true) {
    if (const auto payload = buffer.next()) return decode_payload(*payload);
    const ssize_t received = recv(fd, bytes.data(), bytes.size(), 0);
    if (received < 0 && errno == EINTR) continue;
    if (received <= 0) return std::nullopt;
    buffer.append(std::span(bytes).first(static_cast<std::size_t>(received)));
  }
}

}  // namespace inferbench
