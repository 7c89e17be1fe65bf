// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>

#include "results/trial_record.hpp"

namespace inferbench {

/// What the worker held at most during a trial and what the backend says it held, in bytes.
struct MemoryCheck {
  std::uint64_t measured = 0;  ///< peak RSS less what the worker held before it loaded the model
  std::uint64_t reported = 0;  ///< weights, KV cache and scratch, as the backend says

  /// measured / reported - 1: above 0, the backend holds more than it says.
  double disagreement() const { return static_cast<double>(measured) / static_cast<double>(reported) - 1; }
  /// More than 20%, and more than the few MiB that libraries and allocators take.
  bool disagrees() const;
};

/// Absent for a trial that failed or whose peak is unknown, for a backend that reports nothing or keeps its weights on
/// a device.
std::optional<MemoryCheck> check_memory(const TrialRecord& trial);

}  // namespace inferbench
