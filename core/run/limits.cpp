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
#include "run/device_limits.hpp"
#include "support/error.hpp"

namespace inferbench {

namespace {

constexpr std::uint64_t kMiB = 1U << 20U;
constexpr double kWorthMeasuringS = 30;  // for a plan this long, another second does not matter

// From sizes that may fit into the last-level cache to sizes that never do: weights are compared with the nearest.
const std::vector<std::uint64_t> kBuffers{4 * kMiB, 16 * kMiB, 64 * kMiB, 256 * kMiB};

const std::vector<std::uint64_t> kBuffersOfDevice{16 * kMiB, 64 * kMiB, 256 * kMiB, 1024 * kMiB, 4096 * kMiB};

std::vector<std::int32_t> thread_counts(const Experiment& experiment) {
  std::vector<std::int32_t> counts;
  for (const Point& point : experiment.points) {
    if (std::find(counts.begin(), counts.end(), point.threads) == counts.end()) counts.push_back(point.threads);
  }
  return counts;
}

// The contender's own backend, else any that knows a device of that name.
std::optional<PluginDescription> probe_for(const PluginPath& plugins, const std::filesystem::path& folder,
                                           const Contender& contender) {
  const PluginDescription own = plugins.find(contender.plugin, folder);
  if (can_probe(own, contender.device)) return own;
  try {
    return find_probe(plugins, contender.device);
  } catch (const Error&) {
    return std::nullopt;
  }
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

void add_device_limits(const std::vector<Contender>& contenders, const std::filesystem::path& folder,
                       const PluginPath& plugins, const Say& say, MachineLimits& limits) {
  for (const Contender& contender : contenders) {
    if (!on_device(contender) || limits.find(contender.device) != nullptr) continue;
    const std::optional<PluginDescription> plugin = probe_for(plugins, folder, contender);
    if (!plugin) continue;
    say(fmt::format("measuring the limits of {}", contender.device));
    try {
      limits.by_device.push_back(measure_device(*plugin, contender.device, kBuffersOfDevice));
    } catch (const Error& error) {  // its trials will tell more
      say(fmt::format("the limits of {} are unknown: {}", contender.device, error.what()));
    }
  }
}

std::optional<MachineLimits> limits_for_run(const Experiment& experiment, const PluginPath& plugins, const Say& say) {
  const MachineLimitsMode mode = experiment.measure.machine_limits;
  if (mode == MachineLimitsMode::kNever) return std::nullopt;
  const auto is_server = [](const Contender& contender) { return contender.endpoint.has_value(); };
  if (std::all_of(experiment.contenders.begin(), experiment.contenders.end(), is_server)) return std::nullopt;
  if (mode == MachineLimitsMode::kAuto && estimate_seconds(experiment) < kWorthMeasuringS) return std::nullopt;
  std::optional<MachineLimits> limits = measure_limits(experiment, say);
  if (limits) add_device_limits(experiment.contenders, experiment.file.parent_path(), plugins, say, *limits);
  return limits;
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
