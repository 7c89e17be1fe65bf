// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "measure/machine_limits.hpp"
#include "measure/outcome.hpp"

namespace inferbench {

/// What the machine can do at the trial's thread count, measured in the same run.
struct MachineFloor {
  std::optional<double> read_bytes_per_s;
  std::optional<double> flops_per_s;  ///< of the arithmetic that the operation uses
};

/// What `limits` say for a backend of this precision whose model holds `weights_bytes`: the bandwidth over a buffer of
/// that size, and the integer peak where the precision's name begins with "int", else the fp32 peak.
MachineFloor machine_floor(const ThreadLimits& limits, std::string_view precision, std::uint64_t weights_bytes);

/// One operation, all layers and calls of one phase together.
struct OperationProfile {
  std::string operation;
  std::size_t calls = 0;  ///< begun by thread 0, or by the thread that has most
  double ms = 0;          ///< thread time over threads: wall time, where threads share the work evenly
  std::uint64_t bytes = 0;
  std::uint64_t flops = 0;
  std::optional<double> floor_ms;  ///< the larger of bytes and flops over what the machine can do
};

struct PhaseProfile {
  std::string name;  ///< "prefill", "decode"
  double wall_ms = 0;
  std::vector<OperationProfile> operations;  ///< most time first
};

/// Prefill is what ends before the first token, decode the rest. The trial is ok and profiled.
std::vector<PhaseProfile> profile_phases(const TrialOutcome& outcome, std::int32_t threads,
                                         const MachineFloor& machine);

/// Time of each operation against its floor, at most 100 columns; the last line of a phase is the time outside of
/// operations.
std::string profile_table(const std::vector<PhaseProfile>& phases);

}  // namespace inferbench
