// SPDX-License-Identifier: Apache-2.0
#include "serve/load_metrics.hpp"

#include <algorithm>
#include <stdexcept>

namespace inferbench {

namespace {

constexpr double kMsPerNs = 1e-6;
constexpr double kSecondsPerNs = 1e-9;

double ms_between(std::uint64_t begin, std::uint64_t end) {
  return static_cast<double>(end - begin) * kMsPerNs;
}

double time_to_first_token_ms(const RequestOutcome& outcome) {
  return ms_between(outcome.arrival_ns, outcome.tokens_ns.front());
}

std::optional<double> time_per_output_token_ms(const RequestOutcome& outcome) {
  if (outcome.tokens_ns.size() < 2) return std::nullopt;
  return ms_between(outcome.tokens_ns.front(), outcome.tokens_ns.back()) /
         static_cast<double>(outcome.tokens_ns.size() - 1);
}

struct Window {
  std::uint64_t begin = 0;
  std::uint64_t end = 0;

  bool has(std::uint64_t time) const { return time >= begin && time <= end; }
  double seconds() const { return static_cast<double>(end - begin) * kSecondsPerNs; }
};

std::uint64_t last_end(std::span<const RequestOutcome> outcomes) {
  std::uint64_t last = 0;
  for (const RequestOutcome& outcome : outcomes) last = std::max(last, outcome.end_ns);
  return last;
}

Window window_of(std::span<const RequestOutcome> outcomes, std::size_t first, ScenarioKind kind) {
  Window window{outcomes[first].arrival_ns, outcomes.back().arrival_ns};
  const auto counted = outcomes.subspan(first);
  const bool any_ended = std::any_of(counted.begin(), counted.end(), [&](const RequestOutcome& outcome) {
    return outcome.ok() && outcome.end_ns <= window.end;
  });
  if (kind == ScenarioKind::kOffline || !any_ended) window.end = last_end(outcomes);
  return window;
}

void add_latencies(const RequestOutcome& outcome, LoadMetrics& metrics) {
  if (outcome.slot >= 0) metrics.queue_wait_ms.push_back(ms_between(outcome.arrival_ns, outcome.admitted_ns));
  metrics.ttft_ms.push_back(time_to_first_token_ms(outcome));
  metrics.e2e_ms.push_back(ms_between(outcome.arrival_ns, outcome.tokens_ns.back()));
  if (const auto tpot = time_per_output_token_ms(outcome)) metrics.tpot_ms.push_back(*tpot);
  for (std::size_t i = 1; i < outcome.tokens_ns.size(); ++i) {
    metrics.inter_token_ms.push_back(ms_between(outcome.tokens_ns[i - 1], outcome.tokens_ns[i]));
  }
}

// The rates, over the window.
void set_rates(std::span<const RequestOutcome> outcomes, const Window& window, const Objective& objective,
               LoadMetrics& metrics) {
  double output_tokens = 0;
  double prompt_tokens = 0;
  double ended = 0;
  double good = 0;
  for (const RequestOutcome& outcome : outcomes) {
    for (const std::uint64_t time : outcome.tokens_ns) output_tokens += window.has(time) ? 1 : 0;
    if (!outcome.tokens_ns.empty() && window.has(outcome.tokens_ns.front())) prompt_tokens += outcome.prompt_tokens;
    if (!outcome.ok() || !window.has(outcome.end_ns)) continue;
    ++ended;
    if (meets(outcome, objective)) ++good;
  }
  metrics.window_s = window.seconds();
  if (!(metrics.window_s > 0)) return;
  metrics.output_tokens_per_s = output_tokens / metrics.window_s;
  metrics.total_tokens_per_s = (output_tokens + prompt_tokens) / metrics.window_s;
  metrics.requests_per_s = ended / metrics.window_s;
  if (objective.any()) metrics.goodput_per_s = good / metrics.window_s;
}

}  // namespace

bool meets(const RequestOutcome& outcome, const Objective& objective) {
  if (!outcome.ok() || outcome.tokens_ns.empty()) return false;
  if (objective.ttft_ms > 0 && time_to_first_token_ms(outcome) > objective.ttft_ms) return false;
  const auto tpot = time_per_output_token_ms(outcome);
  return !(objective.tpot_ms > 0 && tpot && *tpot > objective.tpot_ms);
}

void forget_token_times(LoadMetrics& metrics) {
  metrics.tpot_ms.clear();
  metrics.inter_token_ms.clear();
}

LoadMetrics derive_load_metrics(std::span<const RequestOutcome> outcomes, ScenarioKind kind, std::int32_t ramp_up,
                                const Objective& objective) {
  if (outcomes.empty()) throw std::invalid_argument("derive_load_metrics: no request");
  LoadMetrics metrics;
  metrics.requests = static_cast<std::int32_t>(outcomes.size());
  metrics.ramp_up = std::clamp(ramp_up, 0, metrics.requests - 1);
  const auto first = static_cast<std::size_t>(metrics.ramp_up);
  const auto counted = outcomes.subspan(first);
  for (const RequestOutcome& outcome : counted) {
    if (!outcome.ok()) continue;
    ++metrics.ok;
    add_latencies(outcome, metrics);
  }
  metrics.success_rate = static_cast<double>(metrics.ok) / static_cast<double>(counted.size());
  metrics.makespan_s = static_cast<double>(last_end(outcomes) - outcomes.front().arrival_ns) * kSecondsPerNs;
  set_rates(outcomes, window_of(outcomes, first, kind), objective, metrics);
  return metrics;
}

}  // namespace inferbench
