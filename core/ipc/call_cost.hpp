// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
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

/// The backend whose calls are measured, and how it is loaded.
struct CallSubject {
  PluginDescription plugin;
  std::string precision;
  std::map<std::string, std::string> options{};
  std::string device{};  ///< empty: the backend's first
};

/// Measures a forward call through the ABI on a model that is too small to matter: decode steps of one and eight
/// sequences, and a prefill of 512 tokens. With a backend that only checks its arguments (`null`), what is left is the
/// call. Runs in a child process. Throws Error.
std::vector<CallCost> measure_calls(const CallSubject& subject, const CostEffort& effort);

}  // namespace inferbench
