// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "serve/objective.hpp"
#include "serve/request.hpp"
#include "serve/scenario.hpp"

namespace inferbench {

/// The figures of one run of a scenario, from the times of its requests alone. Latencies count from the intended
/// arrival, so a server that stalls makes the requests that it holds up late, too.
struct LoadMetrics {
  std::int32_t requests = 0;  ///< that arrived
  std::int32_t ramp_up = 0;   ///< of these, left out of all figures below
  std::int32_t ok = 0;        ///< counted requests that ended as they should
  double window_s = 0;        ///< the time that rates refer to
  double makespan_s = 0;      ///< from the first arrival to the last end
  // One value for each counted request that is ok. tpot_ms: for those with at least 2 tokens.
  std::vector<double> queue_wait_ms;    ///< from the arrival to a slot; empty for servers, whose slots are not seen
  std::vector<double> ttft_ms;          ///< from the arrival to the first token
  std::vector<double> tpot_ms;          ///< (last token - first token) / (tokens - 1)
  std::vector<double> e2e_ms;           ///< from the arrival to the last token
  std::vector<double> inter_token_ms;   ///< all gaps between tokens of these requests
  double output_tokens_per_s = 0;       ///< generated in the window, by any request
  double total_tokens_per_s = 0;        ///< and prompt tokens of the requests whose first token is in the window
  double requests_per_s = 0;            ///< ok and ended in the window
  double success_rate = 0;              ///< share of the counted requests
  std::optional<double> goodput_per_s;  ///< requests_per_s of those that meet the objective; absent without one

  friend bool operator==(const LoadMetrics&, const LoadMetrics&) = default;
};

/// `outcomes`: of all requests of a run, in order of arrival; at least one. The first `ramp_up` requests are left out,
/// but never all. The window of the rates begins with the arrival of the first counted request. It ends with the last
/// arrival, since afterwards the load falls; offline, or if no counted request has ended by then, with the last end.
LoadMetrics derive_load_metrics(std::span<const RequestOutcome> outcomes, ScenarioKind kind, std::int32_t ramp_up,
                                const Objective& objective);

/// Removes what the times of single tokens give: of answers that came as a whole, they are not known.
void forget_token_times(LoadMetrics& metrics);

/// Whether a request that is ok meets the objective. A request of one token has no time per output token.
bool meets(const RequestOutcome& outcome, const Objective& objective);

}  // namespace inferbench
