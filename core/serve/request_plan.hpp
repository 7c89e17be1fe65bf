// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "serve/scenario.hpp"
#include "serve/trace.hpp"

namespace inferbench {

/// A request before it has a prompt.
struct PlannedRequest {
  std::uint64_t arrival_ns = 0;  ///< from the start of the run; 0 for offline and closed scenarios
  std::int32_t prompt_tokens = 1;
  std::int32_t output_tokens = 1;
  std::vector<std::uint64_t> blocks;  ///< as in TraceRow

  friend bool operator==(const PlannedRequest&, const PlannedRequest&) = default;
};

/// Lengths that occurred together.
struct RequestLengths {
  std::int32_t prompt = 1;
  std::int32_t output = 0;  ///< 0: not known

  friend bool operator==(const RequestLengths&, const RequestLengths&) = default;
};

/// How many requests of which sizes.
struct RequestMix {
  std::int32_t requests = 1;  ///< at most
  double duration_s = 0;      ///< no request arrives later; 0: no bound
  LengthDistribution prompt;
  LengthDistribution output;
  /// If there are any, each request has the lengths of one of these; `output` is for those that know none.
  std::vector<RequestLengths> samples{};

  friend bool operator==(const RequestMix&, const RequestMix&) = default;
};

/// The requests of one run, in order of arrival: the same for equal arguments. Arrivals and lengths have separate
/// random numbers, so that all rates have the same requests in the same order. `trace`: for kTrace, which brings its
/// own lengths; not empty then.
std::vector<PlannedRequest> plan_requests(const Scenario& scenario, const RequestMix& mix,
                                          std::span<const TraceRow> trace, std::uint64_t seed);

}  // namespace inferbench
