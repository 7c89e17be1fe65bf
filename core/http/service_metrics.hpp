// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <utility>

#include "http/prometheus.hpp"

namespace inferbench {

/// What a server counts. One thread.
struct ServiceMetrics {
  std::map<std::pair<std::string, std::string>, std::uint64_t> answers;  ///< by path and status
  std::uint64_t clients_gone = 0;
  std::uint64_t prompt_tokens = 0;  ///< of requests that were accepted
  std::uint64_t generated_tokens = 0;
  DurationHistogram queue_wait;      ///< from the arrival to a slot
  DurationHistogram first_token;     ///< from the arrival
  DurationHistogram time_per_token;  ///< between tokens, mean of each request
  DurationHistogram duration;        ///< from the arrival to the last token
};

/// The state now, beside what is counted.
struct ServiceState {
  std::string model;
  std::string backend;
  std::size_t slots = 0;
  std::size_t running = 0;
  std::size_t waiting = 0;
  std::size_t connections = 0;
};

/// The body of /metrics.
std::string metrics_text(const ServiceMetrics& metrics, const ServiceState& state);

}  // namespace inferbench
