// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "serve/scheduler.hpp"

namespace inferbench {

/// The time of a load run: real, or simulated.
struct LoadClock {
  std::function<std::uint64_t()> now_ns;
  std::function<void(std::uint64_t time_ns)> wait_until;  ///< returns at `time_ns` or a little later
};

/// The requests of a run and when they are sent.
struct LoadPlan {
  std::vector<Request> requests;        ///< in order of arrival; arrival_ns is relative to the start of the run
  std::int32_t concurrency = 0;         ///< above 0: a closed loop of so many users, and arrival_ns is not used
  double duration_s = 0;                ///< closed loop: no request is sent later; 0: no bound
  std::function<bool()> should_stop{};  ///< asked before each step; true ends the run. May be empty
  std::function<void(RequestId place, std::int32_t token)> token{};  ///< told of each token; may be empty
  std::function<void(const RequestOutcome&)> ended{};  ///< told of each end; its id is the place in the plan
};

/// Sums over the steps of a run.
struct LoadTotals {
  std::uint64_t steps = 0;
  std::uint64_t forward_ns = 0;    ///< inside the engine
  std::uint64_t scheduler_ns = 0;  ///< in steps, outside the engine
  std::uint64_t idle_ns = 0;       ///< nothing was there to run
  std::uint64_t latest_ns = 0;     ///< the longest time that an idle scheduler took a request too late
  double sequences = 0;            ///< of all calls together
  double prefill_tokens = 0;
  double decode_tokens = 0;
};

struct LoadResult {
  std::vector<RequestOutcome> outcomes;  ///< of the requests that were sent, in order of arrival
  LoadTotals totals;
  bool stopped = false;  ///< by should_stop: requests may be missing, or cancelled
};

/// Runs the plan on a scheduler of its own. An open arrival counts from its intended time even if the scheduler was
/// busy then. In a closed loop, a request arrives when a request of its user has ended. Request ids are replaced by
/// positions in the plan.
LoadResult run_load(LoadPlan plan, const SchedulerOptions& options, Engine& engine, const LoadClock& clock);

}  // namespace inferbench
