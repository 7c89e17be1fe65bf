// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "ipc/cost.hpp"
#include "plugin/description.hpp"

namespace inferbench {

/// The cost of one kind of forward call.
struct CallCost {
  std::string what;
  Cost cost;
};

/// Measures a forward call through the ABI with a backend that only checks its arguments (`null`): decode steps of one
/// and eight sequences, and a prefill of 512 tokens. Runs in a child process. Throws Error.
std::vector<CallCost> measure_calls(const PluginDescription& null_backend, const CostEffort& effort);

}  // namespace inferbench
