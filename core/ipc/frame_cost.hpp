// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "ipc/cost.hpp"

namespace inferbench {

/// A message of the worker protocol, of a typical size.
struct SampleMessage {
  std::string what;
  bool is_request = false;  ///< sent from the host to the worker
  nlohmann::json message;
};

/// Requests with 32, 8192 and 65536 prompt ids; outcomes with 512 token times and with a profile of 10000 operations.
std::vector<SampleMessage> sample_messages();

/// One message in one format: JSON value to bytes and back. Building the value from the program's structs is not
/// included.
struct FrameCost {
  std::string what;
  std::string format;  ///< "MessagePack" (used by the program) or "JSON"
  std::size_t n_bytes = 0;
  Cost encode;
  Cost decode;
};

std::vector<FrameCost> measure_frames(const std::vector<SampleMessage>& messages, const CostEffort& effort);

}  // namespace inferbench
