// SPDX-License-Identifier: Apache-2.0
#include "report/request_spans.hpp"

#include <algorithm>

namespace inferbench {

namespace {

// The first lane whose last request had ended; a new one if there is none. `busy_until`: by lane.
std::int32_t free_lane(std::vector<std::uint64_t>& busy_until, const RequestOutcome& request) {
  auto lane =
      std::find_if(busy_until.begin(), busy_until.end(), [&](std::uint64_t end) { return end <= request.admitted_ns; });
  if (lane == busy_until.end()) lane = busy_until.insert(lane, 0);
  *lane = request.end_ns;
  return static_cast<std::int32_t>(lane - busy_until.begin());
}

}  // namespace

std::vector<RequestSpan> request_spans(const TrialRecord& trial) {
  std::vector<RequestSpan> spans;
  if (!trial.ok() || !trial.outcome.serving) return spans;
  const auto& requests = trial.outcome.serving->requests;
  if (requests.empty() || requests.size() > kMostSpans) return spans;
  const std::uint64_t start = requests.front().arrival_ns;
  const auto ms = [&](std::uint64_t time) { return static_cast<double>(time - start) * 1e-6; };
  std::vector<std::uint64_t> busy_until;
  for (const RequestOutcome& request : requests) {
    if (request.tokens_ns.empty()) continue;
    RequestSpan& span = spans.emplace_back();
    span.lane = request.slot >= 0 ? request.slot : free_lane(busy_until, request);
    span.arrival_ms = ms(request.arrival_ns);
    span.admitted_ms = ms(request.admitted_ns);
    span.first_token_ms = ms(request.tokens_ns.front());
    span.end_ms = ms(request.tokens_ns.back());
    span.prompt_tokens = request.prompt_tokens;
    span.tokens = static_cast<std::int32_t>(request.tokens_ns.size());
  }
  return spans;
}

}  // namespace inferbench
