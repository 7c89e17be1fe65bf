// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "measure/machine_limits.hpp"
#include "measure/outcome.hpp"
#include "support/precision.hpp"

namespace inferbench {

/// Limits of the machine at the trial's thread count, measured in the same run.
struct MachineFloor {
  std::optional<double> read_bytes_per_s;
  std::optional<double> flops_per_s;  ///< for the arithmetic of the operation
};

/// The limits for a backend of this precision whose model has `weights_bytes`: the bandwidth over a buffer of that
/// size, and the integer peak if the precision multiplies integers, otherwise the fp32 peak.
MachineFloor machine_floor(const ThreadLimits& limits, const std::optional<PrecisionMeaning>& precision,
                           std::uint64_t weights_bytes);

/// One operation, summed over all layers and calls of one phase.
struct OperationProfile {
  std::string operation;
  std::size_t calls = 0;  ///< of the thread with the most calls
  double ms = 0;          ///< total thread time / threads: equals wall time if the threads share the work evenly
  std::uint64_t bytes = 0;
  std::uint64_t flops = 0;
  std::optional<double> floor_ms;  ///< the larger of bytes / bandwidth and flops / peak
};

struct PhaseProfile {
  std::string name;  ///< "prefill", "decode"
  double wall_ms = 0;
  std::vector<OperationProfile> operations;  ///< by descending time
};

/// Operations that begin before the first token are prefill, the rest decode. The trial must be ok and profiled.
std::vector<PhaseProfile> profile_phases(const TrialOutcome& outcome, std::int32_t threads,
                                         const MachineFloor& machine);

/// Time of each operation compared with its floor, at most 100 columns. The last line of a phase is the time outside
/// operations.
std::string profile_table(const std::vector<PhaseProfile>& phases);

}  // namespace inferbench
