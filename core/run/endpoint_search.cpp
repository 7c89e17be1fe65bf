// SPDX-License-Identifier: Apache-2.0
#include "run/endpoint_search.hpp"

#include <algorithm>
#include <utility>

#include "serve/load_metrics.hpp"

namespace inferbench {

namespace {

/// The runs of one search.
class EndpointSearch {
 public:
  explicit EndpointSearch(const EndpointSearchSetup& setup) : setup_(setup) {}

  EndpointSearchResult run() {
    EndpointSearchResult result;
    result.load = run_at(std::nullopt);
    if (stopped_) return stopped(std::move(result));
    result.answer =
        bisect_rate(offline_rate(result.load), setup_.goal, [&](double rate) { return probe(rate, result.load); });
    return stopped_ ? stopped(std::move(result)) : result;
  }

 private:
  static EndpointSearchResult stopped(EndpointSearchResult result) {
    result.load.stopped = true;
    return result;
  }

  // Keeps the run in `best` if the rate holds: later ones that hold have a higher rate.
  std::optional<RateProbe> probe(double rate, EndpointResult& best) {
    EndpointResult load = run_at(rate);
    if (stopped_) return std::nullopt;
    const RateProbe probe{rate, missed_ <= allowed_, missed_};
    if (probe.holds) best = std::move(load);
    return probe;
  }

  // A run at a rate ends when the rate can no longer hold.
  EndpointResult run_at(std::optional<double> rate) {
    EndpointPlan plan = setup_.plan(rate);
    const std::size_t ramp_up =
        std::min<std::size_t>(static_cast<std::size_t>(std::max(setup_.ramp_up, 0)), plan.requests.size() - 1);
    const double counted = static_cast<double>(plan.requests.size() - ramp_up);
    // The small term: 1% of 100 requests is one request, whatever the rounding.
    allowed_ = static_cast<std::int32_t>(counted * (1 - setup_.goal.percentile / 100) + 1e-9);
    missed_ = 0;
    plan.ended = [this, ramp_up](const EndpointOutcome& outcome) {
      if (outcome.request.id < ramp_up) return;
      EndpointOutcome one = outcome;
      count_tokens(one, std::nullopt);
      if (!meets(one.request, setup_.goal.objective)) ++missed_;
    };
    plan.should_stop = [this, rate] {
      stopped_ = stopped_ || (setup_.should_stop && setup_.should_stop());
      return stopped_ || (rate && missed_ > allowed_);
    };
    return run_endpoint_load(std::move(plan), setup_.fresh_client());
  }

  static double offline_rate(const EndpointResult& load) {
    std::uint64_t end = 0;
    double ok = 0;
    for (const EndpointOutcome& outcome : load.outcomes) {
      if (!outcome.request.ok()) continue;
      ++ok;
      end = std::max(end, outcome.request.end_ns);
    }
    const std::uint64_t begin = load.outcomes.front().request.arrival_ns;
    return ok > 0 && end > begin ? ok / (static_cast<double>(end - begin) * 1e-9) : 0;
  }

  const EndpointSearchSetup& setup_;
  std::int32_t allowed_ = 0;  ///< requests that may miss the objective
  std::int32_t missed_ = 0;   ///< of the present run
  bool stopped_ = false;
};

}  // namespace

EndpointSearchResult search_endpoint_rate(const EndpointSearchSetup& setup) {
  return EndpointSearch(setup).run();
}

}  // namespace inferbench
