// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>

#include "measure/outcome.hpp"

namespace inferbench {

/// What limits the throughput of a run of a scenario.
enum class LoadBoundKind : std::int32_t {
  kUnknown,     ///< not enough is known: the limits were not measured, or a server does the work
  kMemory,      ///< reading the weights
  kArithmetic,  ///< the operations of the linear layers
  kWaiting,     ///< too few requests
  kScheduler,   ///< the harness
  kBackend,     ///< none of the above accounts for much: what the backend does besides
};

struct LoadBound {
  LoadBoundKind kind = LoadBoundKind::kUnknown;
  double share = 0;  ///< of the run's time that the named part takes, 0 to 1
};

/// What the calls of a run cost at least. A rate of 0 is unknown.
struct LoadCosts {
  double bytes_per_call = 0;    ///< weights that one forward call reads
  double bytes_per_s = 0;       ///< the machine's read bandwidth
  double operations = 0;        ///< of all calls together
  double operations_per_s = 0;  ///< the machine's peak
};

/// The part that needs most of the run's time: its least time on this machine if memory or arithmetic, its measured
/// time if waiting or the scheduler. Keys, values and attention are not counted, so long contexts look less bound by
/// memory and arithmetic than they are.
LoadBound load_bound(const ServingTotals& totals, const LoadCosts& costs);

/// "memory 62%", "waits for requests 71%", "backend 80%"; "-" for kUnknown.
std::string load_bound_text(const LoadBound& bound);

}  // namespace inferbench
