// SPDX-License-Identifier: Apache-2.0
// libFuzzer target: any bytes on the socket between host and worker. The readers must accept them or throw
// ProtocolError, the result must not depend on how the stream is split into reads, and a message must survive encoding
// as a frame.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>
#include <span>
#include <vector>

#include "check.hpp"
#include "worker/frame.hpp"
#include "worker/messages.hpp"

namespace {

using inferbench::FrameBuffer;
using inferbench::ProtocolError;
using inferbench::fuzz::require;
using Payloads = std::vector<std::vector<std::uint8_t>>;

/// The payloads of a stream that arrives in pieces of at most `piece` bytes; nullopt if it is refused.
std::optional<Payloads> payloads_of(std::span<const std::uint8_t> stream, std::size_t piece) {
  FrameBuffer buffer;
  Payloads payloads;
  try {
    for (std::size_t at = 0; at < stream.size(); at += piece) {
      buffer.append(stream.subspan(at, std::min(piece, stream.size() - at)));
      while (auto payload = buffer.next()) payloads.push_back(std::move(*payload));
    }
  } catch (const ProtocolError&) {
    return std::nullopt;
  }
  return payloads;
}

template <typename Read>
void try_reading(const Read& read) {
  try {
    read();
  } catch (const ProtocolError& error) {
    require(error.what()[0] != '\0', "a refusal says why");
  }
}

void read_as_everything(const nlohmann::json& message) {
  try_reading([&] { inferbench::check_hello(message); });
  try_reading([&] { inferbench::sequence_of(message); });
  try_reading([&] { inferbench::operation_of(message); });
  try_reading([&] { inferbench::load_request_of(message); });
  try_reading([&] { inferbench::trial_request_of(message); });
  try_reading([&] { inferbench::prepare_request_of(message); });
  try_reading([&] { inferbench::sample_request_of(message); });
  try_reading([&] { inferbench::outcome_of(message, 1); });
}

void check_payload(std::span<const std::uint8_t> payload) {
  try {
    const nlohmann::json message = inferbench::decode_payload(payload);
    read_as_everything(message);
    const std::vector<std::uint8_t> frame = inferbench::encode_frame(message);
    const auto again = payloads_of(frame, frame.size());
    require(again && again->size() == 1, "a message is one frame");
    require(inferbench::encode_frame(inferbench::decode_payload(again->front())) == frame,
            "a message survives its frame");
  } catch (const ProtocolError& error) {
    require(error.what()[0] != '\0', "a refusal says why");
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::span<const std::uint8_t> bytes(data, size);
  check_payload(bytes);
  const auto whole = payloads_of(bytes, std::max<std::size_t>(size, 1));
  require(whole == payloads_of(bytes, 3), "pieces change nothing");
  if (whole) {
    for (const auto& payload : *whole) check_payload(payload);
  }
  return 0;
}
