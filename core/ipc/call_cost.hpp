// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "ipc/cost.hpp"
#include "plugin/description.hpp"

namespace inferbench {

/// One shape of forward call.
struct CallCost {
  std::string what;
  Cost cost;
};

/// What a forward through the ABI costs, with a backend that does nothing in it but check its arguments (`null`):
/// decode steps of one and of eight sequences, and a prefill of 512 tokens. In a child process. Throws Error.
std::vector<CallCost> measure_calls(const PluginDescription& null_backend, const CostEffort& effort);

}  // namespace inferbench
