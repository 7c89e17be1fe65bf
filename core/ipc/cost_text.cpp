// SPDX-License-Identifier: Apache-2.0
#include "ipc/cost_text.hpp"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

namespace inferbench {
namespace {

using Json = nlohmann::ordered_json;

// ---- text ----

std::string time_text(double ns) {
  if (ns < 1e3) return fmt::format("{:.1f} ns", ns);
  if (ns < 1e6) return fmt::format("{:.1f} us", ns / 1e3);
  return fmt::format("{:.2f} ms", ns / 1e6);
}

std::string columns_of(const Cost& cost) {
  return fmt::format("{:>11}{:>11}{:>11}", time_text(cost.p50_ns), time_text(cost.p95_ns), time_text(cost.p99_ns));
}

std::string header(std::string_view title, std::string_view middle) {
  return fmt::format("{:<42}{}{:>11}{:>11}{:>11}\n", title, middle, "p50", "p95", "p99");
}

std::string frame_rows(const FrameCost& frame) {
  const std::string label = fmt::format("  {}", frame.what);
  return fmt::format("{:<42}{:<12}{:>10}  encode{}\n{:<64}  decode{}\n", label, frame.format, frame.n_bytes,
                     columns_of(frame.encode), "", columns_of(frame.decode));
}

// ---- JSON ----

Json json_of(const Cost& cost) {
  return {{"n_samples", cost.n_samples},
          {"operations_per_sample", cost.operations_per_sample},
          {"p50_ns", cost.p50_ns},
          {"p95_ns", cost.p95_ns},
          {"p99_ns", cost.p99_ns}};
}

}  // namespace

std::string to_text(const IpcCosts& costs) {
  std::string text = header(fmt::format("forward of {}, one tiny layer", costs.backend), "");
  for (const CallCost& call : costs.calls) {
    text += fmt::format("{:<42}{}\n", fmt::format("  {}", call.what), columns_of(call.cost));
  }
  text += "\n";
  text += header("message", fmt::format("{:<12}{:>10}{:8}", "format", "bytes", ""));
  for (const FrameCost& frame : costs.frames) text += frame_rows(frame);
  text += "\n";
  text += header("round trip to the worker", fmt::format("{:>10}", "bytes"));
  for (const RoundTripCost& trip : costs.round_trips) {
    text += fmt::format("{:<42}{:>10}{}\n", fmt::format("  {}", trip.what), trip.n_bytes, columns_of(trip.cost));
  }
  return text;
}

Json to_json(const IpcCosts& costs) {
  Json json = {
      {"backend", costs.backend}, {"calls", Json::array()}, {"frames", Json::array()}, {"round_trips", Json::array()}};
  for (const CallCost& call : costs.calls) json["calls"].push_back({{"call", call.what}, {"cost", json_of(call.cost)}});
  for (const FrameCost& frame : costs.frames) {
    json["frames"].push_back({{"message", frame.what},
                              {"format", frame.format},
                              {"bytes", frame.n_bytes},
                              {"encode", json_of(frame.encode)},
                              {"decode", json_of(frame.decode)}});
  }
  for (const RoundTripCost& trip : costs.round_trips) {
    json["round_trips"].push_back({{"message", trip.what}, {"bytes", trip.n_bytes}, {"cost", json_of(trip.cost)}});
  }
  return json;
}

}  // namespace inferbench
