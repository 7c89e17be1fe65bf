// SPDX-License-Identifier: Apache-2.0
// The highest rate of arrivals at which requests meet an objective.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <vector>

#include "serve/load_driver.hpp"
#include "serve/objective.hpp"

namespace inferbench {

/// One run at a rate. It ends early when the rate can no longer hold.
struct RateProbe {
  double rate = 0;  ///< requests per second
  bool holds = false;
  std::int32_t missed = 0;  ///< counted requests that did not meet the objective, until the run ended

  friend bool operator==(const RateProbe&, const RateProbe&) = default;
};

/// The answer lies in [holds, fails).
struct MaxRate {
  double percentile = 99;       ///< as in RateGoal
  double offline_rate = 0;      ///< requests per second if all arrive at once: no higher rate is tried
  std::optional<double> holds;  ///< the highest rate that held; absent: not even the lowest did
  std::optional<double> fails;  ///< the lowest rate that failed; absent: even the offline rate held
  std::vector<RateProbe> probes;

  friend bool operator==(const MaxRate&, const MaxRate&) = default;
};

/// Halves the rate from `offline_rate` on until one holds, and then halves the interval on a log scale. A rate below
/// 1/64 of the offline rate is not tried: there, requests hardly meet each other any more. Ends early, without an
/// answer, if `probe` returns nullopt.
MaxRate bisect_rate(double offline_rate, const RateGoal& goal,
                    const std::function<std::optional<RateProbe>(double rate)>& probe);

struct RateSearchResult {
  MaxRate answer;
  LoadResult load;  ///< of the run at the highest rate that held; without one, of the run with all requests at once
};

/// Searches on `engine`. `plan`: arrivals at one request per second, which are scaled to each rate, so that all runs
/// have the same requests in the same pattern. The first `ramp_up` requests do not count. LoadResult::stopped is set,
/// and the answer is meaningless, if plan.should_stop ended the search.
RateSearchResult search_max_rate(const LoadPlan& plan, std::int32_t ramp_up, const RateGoal& goal,
                                 const SchedulerOptions& options, Engine& engine, const LoadClock& clock);

}  // namespace inferbench
