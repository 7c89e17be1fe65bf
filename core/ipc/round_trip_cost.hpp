// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "ipc/cost.hpp"
#include "ipc/frame_cost.hpp"

namespace inferbench {

/// The cost of a request to a worker process and its answer.
struct RoundTripCost {
  std::string what;
  std::size_t n_bytes = 0;  ///< of the request frame
  Cost cost;
};

/// Starts `worker_command` (see ProcessRunner) and sends each request repeatedly: encode, socket, decode, then the same
/// for the short answer. No model is loaded, so the worker answers immediately that there is none. Throws Error.
std::vector<RoundTripCost> measure_round_trips(const std::vector<std::string>& worker_command,
                                               const std::vector<SampleMessage>& messages, const CostEffort& effort);

}  // namespace inferbench
