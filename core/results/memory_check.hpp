// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>

#include "results/trial_record.hpp"

namespace inferbench {

/// The worker's peak memory in a trial, and what the backend reports, in bytes.
struct MemoryCheck {
  std::uint64_t measured = 0;  ///< peak RSS minus the RSS before the worker loaded the model
  std::uint64_t reported = 0;  ///< weights, KV cache and scratch, as reported by the backend

  /// measured / reported - 1. Above 0, the backend holds more than it reports.
  double disagreement() const { return static_cast<double>(measured) / static_cast<double>(reported) - 1; }
  /// More than 20%, and more than the few MiB that libraries and allocators use.
  bool disagrees() const;
};

/// Absent for a failed trial, for an unknown peak, and for a backend that reports nothing or keeps its weights on a
/// device.
std::optional<MemoryCheck> check_memory(const TrialRecord& trial);

}  // namespace inferbench
