// SPDX-License-Identifier: Apache-2.0
// libFuzzer target: any bytes as a trace of requests.
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "check.hpp"
#include "serve/request_plan.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using inferbench::fuzz::require;
  try {
    const auto rows = inferbench::parse_trace({reinterpret_cast<const char*>(data), size}, "trace");
    require(!rows.empty(), "an accepted trace has requests");
    for (std::size_t i = 0; i < rows.size(); ++i) {
      require(rows[i].prompt_tokens > 0 && rows[i].output_tokens > 0, "lengths are positive");
      require(i == 0 || rows[i].arrival_s >= rows[i - 1].arrival_s, "arrivals ascend");
    }
    inferbench::RequestMix mix;
    mix.requests = 100;
    inferbench::Scenario scenario;
    scenario.kind = inferbench::ScenarioKind::kTrace;
    const auto requests = inferbench::plan_requests(scenario, mix, rows, 1);
    require(!requests.empty() && requests.front().arrival_ns == 0, "the first request arrives at once");
    for (std::size_t i = 1; i < requests.size(); ++i) {
      require(requests[i].arrival_ns >= requests[i - 1].arrival_ns, "planned arrivals ascend");
    }
  } catch (const inferbench::Error& error) {
    inferbench::fuzz::check_error(error);
  }
  return 0;
}
