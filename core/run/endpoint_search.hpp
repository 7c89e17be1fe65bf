// SPDX-License-Identifier: Apache-2.0
// The highest rate of arrivals at which a server's requests meet an objective.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>

#include "http/endpoint_load.hpp"
#include "serve/rate_search.hpp"

namespace inferbench {

/// What a search needs of its caller.
struct EndpointSearchSetup {
  /// The requests of a run at `rate` requests per second; nullopt: all at once. Called once for each run, and never
  /// gives the same prompts twice, since the server may keep them.
  std::function<EndpointPlan(std::optional<double> rate)> plan;
  /// A client without open requests. The one before is gone, and with it the requests that a run left open.
  std::function<RequestClient&()> fresh_client;
  std::function<bool()> should_stop;
  RateGoal goal;
  std::int32_t ramp_up = 0;  ///< requests that don't count
};

struct EndpointSearchResult {
  MaxRate answer;
  /// Of the run at the highest rate that held; without one, of the run with all requests at once. `stopped`: by
  /// should_stop; the answer is then meaningless.
  EndpointResult load;
};

/// Searches as search_max_rate does.
EndpointSearchResult search_endpoint_rate(const EndpointSearchSetup& setup);

}  // namespace inferbench
