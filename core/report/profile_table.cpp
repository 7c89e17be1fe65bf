// SPDX-License-Identifier: Apache-2.0
#include "report/profile_table.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <utility>

#include "measure/clock.hpp"
#include "report/number_text.hpp"
#include "support/one_line.hpp"
#include "support/precision.hpp"

namespace inferbench {

namespace {

struct Sums {
  double thread_ms = 0;
  std::uint64_t bytes = 0;
  std::uint64_t flops = 0;
  std::map<std::int32_t, std::size_t> calls;  ///< by thread
};

std::optional<double> floor_of(const Sums& sums, const MachineFloor& machine) {
  std::optional<double> floor;
  if (machine.read_bytes_per_s && sums.bytes > 0)
    floor = 1e3 * static_cast<double>(sums.bytes) / *machine.read_bytes_per_s;
  if (machine.flops_per_s && sums.flops > 0) {
    floor = std::max(floor.value_or(0), 1e3 * static_cast<double>(sums.flops) / *machine.flops_per_s);
  }
  return floor;
}

PhaseProfile summarize_phase(std::string name, double wall_ms, const std::map<std::string, Sums>& by_operation,
                             std::int32_t threads, const MachineFloor& machine) {
  PhaseProfile phase{std::move(name), wall_ms, {}};
  for (const auto& [operation, sums] : by_operation) {
    OperationProfile profile;
    profile.operation = operation;
    for (const auto& [thread, calls] : sums.calls) profile.calls = std::max(profile.calls, calls);
    profile.ms = sums.thread_ms / threads;
    profile.bytes = sums.bytes;
    profile.flops = sums.flops;
    profile.floor_ms = floor_of(sums, machine);
    phase.operations.push_back(std::move(profile));
  }
  std::stable_sort(phase.operations.begin(), phase.operations.end(),
                   [](const OperationProfile& a, const OperationProfile& b) { return a.ms > b.ms; });
  return phase;
}

std::string share_text(double part, double whole) {
  return whole > 0 ? fmt::format("{:.1f}%", 100 * part / whole) : "-";
}

std::string row(const OperationProfile& operation, double wall_ms) {
  const double seconds = operation.ms * 1e-3;
  const bool timed = seconds > 0;
  const std::string bytes =
      operation.bytes > 0 && timed ? number_text(static_cast<double>(operation.bytes) / seconds * 1e-9) : "-";
  const std::string flops =
      operation.flops > 0 && timed ? number_text(static_cast<double>(operation.flops) / seconds * 1e-9) : "-";
  const std::string floor = operation.floor_ms ? number_text(*operation.floor_ms) : "-";
  const std::string times =
      operation.floor_ms && *operation.floor_ms > 0 ? ratio_text(operation.ms / *operation.floor_ms) + "x" : "-";
  return fmt::format("  {:<26}{:>8}{:>10}{:>8}{:>10}{:>10}{:>10}{:>8}\n", one_line(operation.operation, 26),
                     operation.calls, number_text(operation.ms), share_text(operation.ms, wall_ms), bytes, flops, floor,
                     times);
}

}  // namespace

MachineFloor machine_floor(const ThreadLimits& limits, const std::optional<PrecisionMeaning>& precision,
                           std::uint64_t weights_bytes) {
  const MeasuredRate& peak = multiplies_integers(precision) ? limits.int8_ops_per_s : limits.fp32_flops_per_s;
  MachineFloor floor;
  if (const double bandwidth = read_bandwidth_near(limits, weights_bytes); bandwidth > 0)
    floor.read_bytes_per_s = bandwidth;
  if (peak.best > 0) floor.flops_per_s = peak.best;
  return floor;
}

std::vector<PhaseProfile> profile_phases(const TrialOutcome& outcome, std::int32_t threads,
                                         const MachineFloor& machine) {
  const double ttft_ms = outcome.metrics ? outcome.metrics->ttft_ms : 0;
  const double e2e_ms = outcome.metrics ? outcome.metrics->e2e_ms : 0;
  const auto first_token_ns = outcome.submit_ns + static_cast<std::uint64_t>(ttft_ms * 1e6);
  std::map<std::string, Sums> prefill;
  std::map<std::string, Sums> decode;
  for (const ProfileEvent& event : outcome.profile) {
    Sums& sums = (event.begin_ns < first_token_ns ? prefill : decode)[event.operation];
    sums.thread_ms += event.end_ns > event.begin_ns ? elapsed_ms(event.begin_ns, event.end_ns) : 0;
    sums.bytes += event.bytes;
    sums.flops += event.flops;
    ++sums.calls[event.thread];
  }
  std::vector<PhaseProfile> phases;
  phases.push_back(summarize_phase("prefill", ttft_ms, prefill, threads, machine));
  if (e2e_ms > ttft_ms) phases.push_back(summarize_phase("decode", e2e_ms - ttft_ms, decode, threads, machine));
  return phases;
}

std::string profile_table(const std::vector<PhaseProfile>& phases) {
  std::string text;
  for (const PhaseProfile& phase : phases) {
    text += fmt::format("  {:<26}{:>8}{:>10}{:>8}{:>10}{:>10}{:>10}{:>8}\n", phase.name, "calls", "ms", "share", "GB/s",
                        "GFLOP/s", "floor ms", "time");
    double inside = 0;
    for (const OperationProfile& operation : phase.operations) {
      inside += operation.ms;
      text += row(operation, phase.wall_ms);
    }
    const double outside = phase.wall_ms - inside;
    text += fmt::format("  {:<26}{:>8}{:>10}{:>8}\n", "(outside operations)", "", number_text(outside),
                        share_text(outside, phase.wall_ms));
  }
  return text;
}

}  // namespace inferbench
