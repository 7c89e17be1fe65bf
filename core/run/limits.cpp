// SPDX-License-Identifier: Apache-2.0
#include "run/limits.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <thread>

#include "experiment/plan_text.hpp"
#include "measure/affinity.hpp"
#include "measure/clock.hpp"
#include "measure/host_state.hpp"

namespace inferbench {

namespace {

constexpr std::uint64_t kMiB = 1U << 20U;
constexpr double kWorthMeasuringS = 30;  // for a plan this long, another second does not matter

// From sizes that may fit into the last-level cache to sizes that never do: weights are compared with the nearest.
const std::vector<std::uint64_t> kBuffers{4 * kMiB, 16 * kMiB, 64 * kMiB, 256 * kMiB};

std::vector<std::int32_t> thread_counts(const Experiment& experiment) {
  std::vector<std::int32_t> counts;
  for (const Point& point : experiment.points) {
    if (std::find(counts.begin(), counts.end(), point.threads) == counts.end()) counts.push_back(point.threads);
  }
  return counts;
}

}  // namespace

std::optional<MachineLimits> measure_limits(const Experiment& experiment, const Say& say) {
  return measure_limits(thread_counts(experiment), say);
}

std::optional<MachineLimits> measure_limits(const std::vector<std::int32_t>& thread_counts, const Say& say) {
  MachineOptions options;
  for (const std::int32_t count : thread_counts) {
    if (count <= usable_cpus()) options.thread_counts.push_back(count);
  }
  if (options.thread_counts.empty()) return std::nullopt;
  options.buffer_bytes = kBuffers;
  options.quick = true;
  say("measuring the machine's limits");
  return measure_machine(options);
}

std::optional<MachineLimits> limits_for_run(const Experiment& experiment, const Say& say) {
  const MachineLimitsMode mode = experiment.measure.machine_limits;
  if (mode == MachineLimitsMode::kNever) return std::nullopt;
  if (mode == MachineLimitsMode::kAuto && estimate_seconds(experiment) < kWorthMeasuringS) return std::nullopt;
  return measure_limits(experiment, say);
}

std::optional<CpuTimes> cpu_times_now() {
  return read_cpu_times(allowed_cpus());
}

std::vector<std::string> machine_warnings(const Experiment& experiment, const std::optional<CpuTimes>& before) {
  constexpr double kWatchedMs = 200;
  std::int32_t threads = 1;
  for (const Point& point : experiment.points) threads = std::max(threads, point.threads);
  if (before) {
    const double left_ms = kWatchedMs - elapsed_ms(before->at_ns, now_ns());
    if (left_ms > 0) std::this_thread::sleep_for(std::chrono::duration<double, std::milli>(left_ms));
  }
  return warnings_of(read_host_state(threads, before));
}

}  // namespace inferbench
