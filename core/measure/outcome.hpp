// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "measure/device_watch.hpp"
#include "measure/ending.hpp"
#include "measure/interference.hpp"
#include "measure/resources.hpp"
#include "measure/trial.hpp"
#include "serve/load_metrics.hpp"
#include "serve/rate_search.hpp"
#include "serve/request.hpp"

namespace inferbench {

/// How loading a contender's model went. Plain data: it is sent between processes and written to every row.
struct LoadOutcome : Ending {
  double load_ms = 0;                      ///< map the files, quantize, pack: from weights to a usable model
  double init_ms = 0;                      ///< start of the backend (threads, devices)
  std::optional<double> generate_ms;       ///< generating synthetic weights; not part of load_ms
  std::string cache = "as_is";             ///< the page cache setting for the load: as_is, warm or cold
  std::optional<double> page_cache_share;  ///< of the weight files, just before the load: 0 cold to 1 warm
  std::uint64_t weights_bytes = 0;         ///< 0: the backend does not say
  std::uint64_t decode_weights_bytes = 0;  ///< read by one decode step of one sequence; 0: the backend does not say
  std::optional<std::uint64_t> rss_before_bytes;  ///< of the process before the load: what the program itself needs
  std::optional<std::uint64_t> peak_rss_bytes;    ///< of the process during the load
  std::optional<std::uint64_t> peak_file_bytes;   ///< the part of it that is mapped files, weights included
  Standstill standstill;                          ///< during the load; load_ms includes that time
  /// The first prefill after the load, at the first point that ran: includes cold caches and lazy initialization.
  /// Absent until it has run.
  std::optional<double> first_forward_ms;
  std::string device;
  std::string kernels;
};

/// One operation of a profiled trial: ib_profile_event with an owned name.
struct ProfileEvent {
  std::string operation;
  std::int32_t layer = -1;
  std::int32_t thread = 0;
  std::uint64_t begin_ns = 0;
  std::uint64_t end_ns = 0;
  std::uint64_t bytes = 0;
  std::uint64_t flops = 0;
};

/// Sums over the steps of a scenario's run.
struct ServingTotals {
  std::uint64_t steps = 0;
  double forward_s = 0;    ///< inside the backend
  double scheduler_s = 0;  ///< in steps, outside the backend
  double delivery_s = 0;   ///< turning tokens into text and sending it; not part of scheduler_s
  double idle_s = 0;       ///< no request was there
  double latest_ms = 0;    ///< the longest time that an idle scheduler took a request too late
  double sequences = 0;    ///< of all calls together
  double prefill_tokens = 0;
  double decode_tokens = 0;

  friend bool operator==(const ServingTotals&, const ServingTotals&) = default;
};

/// What is known of a scenario's run on a server, besides the times of its requests.
struct EndpointFacts {
  bool prompt_ids = false;         ///< prompts were sent as token ids; otherwise as texts
  bool whole = false;              ///< answers came as a whole, so the times of single tokens are not known
  std::int32_t prompt_offset = 0;  ///< added to all random token ids, so that a server has not seen them before
  std::map<std::string, std::int64_t> counted_by{};  ///< who counted the tokens of good answers, and of how many
  std::vector<std::string> statuses{};               ///< of each request: "ok", "short", "timeout", ...
  double lag_ms = 0;       ///< the longest time that a received piece may have waited for this program
  double send_lag_ms = 0;  ///< the longest time from an arrival to its sending

  friend bool operator==(const EndpointFacts&, const EndpointFacts&) = default;
};

/// The run of a scenario.
struct ServingOutcome {
  ScenarioKind kind = ScenarioKind::kOffline;
  Objective objective{};
  LoadMetrics metrics;                   ///< follow from the requests, see derive_load_metrics
  ServingTotals totals;                  ///< zeros for a server, whose steps are not seen
  std::vector<RequestOutcome> requests;  ///< in order of arrival, without the generated ids
  /// Of a search. Everything else then comes from its run at the highest rate that held, see RateSearchResult.
  std::optional<MaxRate> max_rate{};
  double wall_s = 0;  ///< of all runs of a search, in which the trial's resources were used; 0: metrics.makespan_s
  std::optional<EndpointFacts> endpoint{};  ///< of a server
};

/// How one trial went.
struct TrialOutcome : Ending {
  std::string note;                       ///< anything else to know about how the trial ran, as one line; usually empty
  std::optional<TrialMetrics> metrics;    ///< of a batch, when ok
  std::optional<ServingOutcome> serving;  ///< of a scenario, when ok
  std::string digest;                     ///< of the emitted ids, when ok
  std::vector<std::int32_t> ids;          ///< emitted, row-major [generate_tokens, batch]; not part of a row
  // The backend's report on its session, if the trial got that far.
  std::optional<std::uint64_t> kv_bytes;
  std::optional<std::uint64_t> scratch_bytes;
  std::optional<std::uint64_t> device_bytes;
  std::optional<std::uint64_t> backend_peak_bytes;  ///< the most memory that the backend held
  MemoryUse memory;                                 ///< of the process; the peak is this trial's
  std::string peak_unknown;                         ///< why the peak is absent, as one line
  std::optional<ResourceUse> used;                  ///< by this trial
  std::optional<double> energy_j;                   ///< of what it computes on, from the prompt to the last token
  std::optional<double> mean_power_w;               ///< in the same time
  std::string energy_unknown;                       ///< why both are absent, as one line
  std::optional<DeviceUse> device_use;              ///< absent on the CPUs
  bool logits_checked = false;         ///< the last logits were requested after the clock stopped, and are finite
  Interference interference;           ///< during this trial
  std::int32_t trials_since_load = 0;  ///< 0: the first after the model was loaded

  std::uint64_t submit_ns = 0;        ///< start of the profile's time axis; 0 unless profiled
  std::vector<ProfileEvent> profile;  ///< empty unless requested
  std::uint64_t profile_dropped = 0;

  /// It has figures, of a batch or of a scenario.
  bool measured() const { return metrics || serving; }
  /// Seconds from the first submit or arrival to the last token; 0 without figures.
  double wall_s() const {
    if (metrics) return metrics->e2e_ms * 1e-3;
    if (!serving) return 0;
    return serving->wall_s > 0 ? serving->wall_s : serving->metrics.makespan_s;
  }
};

}  // namespace inferbench
