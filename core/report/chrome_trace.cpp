// SPDX-License-Identifier: Apache-2.0
#include "report/chrome_trace.hpp"

#include <nlohmann/json.hpp>

namespace inferbench {

namespace {

using Json = nlohmann::ordered_json;

// Signed, because a backend may have started to record before the submission.
double microseconds_since(std::uint64_t origin_ns, std::uint64_t ns) {
  return static_cast<double>(static_cast<std::int64_t>(ns - origin_ns)) * 1e-3;
}

}  // namespace

std::string chrome_trace(const TrialOutcome& outcome, const std::string& title) {
  Json events = Json::array();
  events.push_back({{"name", "process_name"}, {"ph", "M"}, {"pid", 1}, {"args", {{"name", title}}}});
  for (const ProfileEvent& event : outcome.profile) {
    events.push_back({{"name", event.operation},
                      {"cat", event.layer < 0 ? "model" : "layer"},
                      {"ph", "X"},
                      {"pid", 1},
                      {"tid", event.thread},
                      {"ts", microseconds_since(outcome.submit_ns, event.begin_ns)},
                      {"dur", microseconds_since(event.begin_ns, event.end_ns)},
                      {"args", {{"layer", event.layer}, {"bytes", event.bytes}, {"flops", event.flops}}}});
  }
  const Json trace{{"displayTimeUnit", "ns"},
                   {"otherData", {{"events_dropped", outcome.profile_dropped}}},
                   {"traceEvents", std::move(events)}};
  return trace.dump(-1, ' ', false, Json::error_handler_t::replace) + "\n";
}

}  // namespace inferbench
