// SPDX-License-Identifier: Apache-2.0
#include "serve/rate_search.hpp"

#include <algorithm>
#include <cmath>
#include <utility>

#include "serve/load_metrics.hpp"

namespace inferbench {

namespace {

constexpr int kMostHalvings = 6;

/// The runs of one search.
class RateSearch {
 public:
  RateSearch(const LoadPlan& plan, std::int32_t ramp_up, const RateGoal& goal, const SchedulerOptions& options,
             Engine& engine, const LoadClock& clock)
      : plan_(plan),
        ramp_up_(std::min(static_cast<std::size_t>(std::max(ramp_up, 0)), plan.requests.size() - 1)),
        goal_(goal),
        options_(options),
        engine_(engine),
        clock_(clock) {
    const double counted = static_cast<double>(plan.requests.size() - ramp_up_);
    // The small term: 1% of 100 requests is one request, whatever the rounding.
    allowed_ = static_cast<std::int32_t>(counted * (1 - goal.percentile / 100) + 1e-9);
  }

  RateSearchResult run() {
    RateSearchResult result;
    result.load = run_at(std::nullopt);
    if (stopped_) return result;
    result.answer = bisect_rate(offline_rate_of(result.load.outcomes), goal_,
                                [&](double rate) { return probe(rate, result.load); });
    result.load.stopped = stopped_;
    return result;
  }

 private:
  // Keeps the run in `best` if the rate holds: later ones that hold have a higher rate.
  std::optional<RateProbe> probe(double rate, LoadResult& best) {
    LoadResult load = run_at(rate);
    if (stopped_) return std::nullopt;
    const RateProbe probe{rate, missed_ <= allowed_, missed_};
    if (probe.holds) best = std::move(load);
    return probe;
  }

  // Without a rate, all requests arrive at once, and the run has no other end than its own.
  LoadResult run_at(std::optional<double> rate) {
    missed_ = 0;
    LoadPlan plan = plan_;
    for (Request& request : plan.requests) {
      request.arrival_ns =
          rate ? static_cast<std::uint64_t>(std::llround(static_cast<double>(request.arrival_ns) / *rate)) : 0;
    }
    plan.ended = [this](const RequestOutcome& outcome) {
      if (plan_.ended) plan_.ended(outcome);
      if (outcome.reason == FinishReason::kCancelled) return;  // the run has been ended
      if (outcome.id >= ramp_up_ && !meets(outcome, goal_.objective)) ++missed_;
    };
    plan.should_stop = [this, rate] {
      stopped_ = stopped_ || (plan_.should_stop && plan_.should_stop());
      return stopped_ || (rate && missed_ > allowed_);
    };
    return run_load(std::move(plan), options_, engine_, clock_);
  }

  static double offline_rate_of(const std::vector<RequestOutcome>& outcomes) {
    std::uint64_t end = 0;
    double ok = 0;
    for (const RequestOutcome& outcome : outcomes) {
      if (!outcome.ok()) continue;
      ++ok;
      end = std::max(end, outcome.end_ns);
    }
    if (!(ok > 0) || end <= outcomes.front().arrival_ns) return 0;
    return ok / (static_cast<double>(end - outcomes.front().arrival_ns) * 1e-9);
  }

  const LoadPlan& plan_;
  std::size_t ramp_up_;
  const RateGoal& goal_;
  const SchedulerOptions& options_;
  Engine& engine_;
  const LoadClock& clock_;
  std::int32_t allowed_ = 0;  ///< requests that may miss the objective
  std::int32_t missed_ = 0;   ///< of the present run
  bool stopped_ = false;
};

}  // namespace

MaxRate bisect_rate(double offline_rate, const RateGoal& goal,
                    const std::function<std::optional<RateProbe>(double rate)>& probe) {
  MaxRate answer;
  answer.percentile = goal.percentile;
  answer.offline_rate = offline_rate;
  if (!(offline_rate > 0)) return answer;
  // Returns false if the search was stopped.
  const auto try_rate = [&](double rate) {
    const std::optional<RateProbe> result = probe(rate);
    if (!result) return false;
    answer.probes.push_back(*result);
    (result->holds ? answer.holds : answer.fails) = rate;
    return true;
  };
  double rate = offline_rate;
  for (int halvings = 0; halvings <= kMostHalvings && !answer.holds; ++halvings, rate /= 2) {
    if (!try_rate(rate)) return answer;
  }
  while (answer.holds && answer.fails && *answer.fails > *answer.holds * (1 + goal.within)) {
    if (!try_rate(std::sqrt(*answer.holds * *answer.fails))) return answer;
  }
  return answer;
}

RateSearchResult search_max_rate(const LoadPlan& plan, std::int32_t ramp_up, const RateGoal& goal,
                                 const SchedulerOptions& options, Engine& engine, const LoadClock& clock) {
  return RateSearch(plan, ramp_up, goal, options, engine, clock).run();
}

}  // namespace inferbench
