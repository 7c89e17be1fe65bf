// SPDX-License-Identifier: Apache-2.0
#include "serve/request_plan.hpp"

#include <cmath>

namespace inferbench {

namespace {

constexpr double kNsPerS = 1e9;
constexpr std::uint64_t kArrivalSeed = 0x6172726976616C73U;  // "arrivals"

std::uint64_t as_ns(double seconds) {
  return static_cast<std::uint64_t>(std::llround(seconds * kNsPerS));
}

RequestLengths draw_lengths(const RequestMix& mix, SplitMix64& random) {
  RequestLengths lengths;
  if (mix.samples.empty()) {
    lengths.prompt = draw_length(mix.prompt, random);
  } else {
    lengths = mix.samples[random.below(mix.samples.size())];
  }
  if (lengths.output == 0) lengths.output = draw_length(mix.output, random);
  return lengths;
}

std::vector<PlannedRequest> from_trace(const RequestMix& mix, std::span<const TraceRow> trace) {
  std::vector<PlannedRequest> requests;
  for (const TraceRow& row : trace) {
    const double arrival = row.arrival_s - trace.front().arrival_s;
    if (requests.size() == static_cast<std::size_t>(mix.requests)) break;
    if (mix.duration_s > 0 && arrival > mix.duration_s) break;
    requests.push_back({as_ns(arrival), row.prompt_tokens, row.output_tokens, row.blocks});
  }
  return requests;
}

}  // namespace

std::vector<PlannedRequest> plan_requests(const Scenario& scenario, const RequestMix& mix,
                                          std::span<const TraceRow> trace, std::uint64_t seed) {
  if (scenario.kind == ScenarioKind::kTrace) return from_trace(mix, trace);
  SplitMix64 lengths(seed);
  SplitMix64 gaps(seed ^ kArrivalSeed);
  const bool searched = scenario.kind == ScenarioKind::kMaxRate;  // all requests, whatever the rate
  const bool open = scenario.kind == ScenarioKind::kOpen || searched;
  std::vector<PlannedRequest> requests;
  double arrival = 0;
  for (std::int32_t i = 0; i < mix.requests; ++i) {
    if (open) {
      const bool poisson = scenario.arrivals == ArrivalProcess::kPoisson;
      // Constant arrivals begin at once; the first of a Poisson process has to be waited for like every other.
      if (poisson || i > 0) arrival += (poisson ? -std::log1p(-gaps.next_uniform()) : 1) / scenario.rate;
      if (!searched && mix.duration_s > 0 && arrival > mix.duration_s && i > 0) break;
    }
    const RequestLengths drawn = draw_lengths(mix, lengths);
    requests.push_back({as_ns(arrival), drawn.prompt, drawn.output, {}});
  }
  return requests;
}

}  // namespace inferbench
