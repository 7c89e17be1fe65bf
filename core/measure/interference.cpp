// SPDX-License-Identifier: Apache-2.0
#include "measure/interference.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <system_error>
#include <utility>

#include "measure/clock.hpp"
#include "support/counted.hpp"

namespace inferbench {

namespace {

// A chain of dependent multiplications: it takes a fixed number of cycles, so its time depends on the frequency and not
// on the caches.
double timed_spin_ms() {
  constexpr int kSteps = 300'000;
  const std::uint64_t begin = now_ns();
  std::uint64_t value = begin | 1U;
  for (int i = 0; i < kSteps; ++i) {
    value = value * 0x9E3779B97F4A7C15U + 1;
    value ^= value >> 29U;
  }
  // Optimization barrier: keeps the compiler from removing the loop.
  __asm__ volatile("" : : "r"(value));
  return elapsed_ms(begin, now_ns());
}

// The second number of each thread's schedstat, in ms: how long the thread was ready to run but did not run. Leaves out
// thread `left_out`.
std::optional<double> read_run_delay_ms(std::int32_t left_out) {
  const std::string left_out_name = std::to_string(left_out);
  double total = 0;
  bool any = false;
  std::error_code problem;
  for (const auto& thread : std::filesystem::directory_iterator("/proc/self/task", problem)) {
    if (thread.path().filename() == left_out_name) continue;
    std::ifstream file(thread.path() / "schedstat");
    double ran = 0;
    double waited = 0;
    if (!(file >> ran >> waited)) continue;
    total += waited;
    any = true;
  }
  if (!any) return std::nullopt;
  return total * 1e-6;
}

// Steal time, in ms: the eighth number of a CPU's line in /proc/stat, in clock ticks (proc(5)).
std::optional<double> read_steal_ms(const std::vector<int>& cpus) {
  constexpr int kStealField = 8;
  const double ms_per_tick = 1000.0 / static_cast<double>(sysconf(_SC_CLK_TCK));
  std::ifstream stat("/proc/stat");
  double total = 0;
  bool any = false;
  for (std::string line; std::getline(stat, line) && line.starts_with("cpu");) {
    std::istringstream fields(line.substr(3));
    int cpu = -1;
    if (line.size() < 4 || line[3] == ' ' || !(fields >> cpu)) continue;
    if (std::find(cpus.begin(), cpus.end(), cpu) == cpus.end()) continue;
    double ticks = 0;
    for (int field = 0; field < kStealField; ++field) fields >> ticks;
    if (!fields) continue;
    total += ticks * ms_per_tick;
    any = true;
  }
  if (!any) return std::nullopt;
  return total;
}

std::optional<double> read_mhz(int cpu) {
  std::ifstream frequency(fmt::format("/sys/devices/system/cpu/cpu{}/cpufreq/scaling_cur_freq", cpu));
  double khz = 0;
  if (!(frequency >> khz)) return std::nullopt;
  return khz / 1000;
}

std::optional<double> grown(const std::optional<double>& before, const std::optional<double>& after) {
  if (!before || !after) return std::nullopt;
  return std::max(0.0, *after - *before);
}

// A spin that takes this many times the run's fastest means that the frequency fell, a sibling hyperthread was busy, or
// another program had the CPU. Turbo and timer interrupts on a quiet machine stay below it.
constexpr double kSlowSpin = 1.25;
// CPU waits and steal, as a share of the trial's wall time (and CPUs). More than this moves a median by a percent.
constexpr double kWaitShare = 0.02;
// /proc/stat counts in ticks of 10 ms: a single tick may belong to the time before the trial.
constexpr double kLeastStealMs = 20;
// For short trials: a single preemption by a kernel thread is not load.
constexpr double kLeastDelayMs = 2;
// Programs that share CPUs with the trial's threads cause at least this many switches; a quiet machine's housekeeping
// does not.
constexpr double kSwitchesPerThreadSecond = 50;
constexpr double kLeastSwitches = 10;

}  // namespace

InterferenceWatch::InterferenceWatch(std::vector<int> cpus, StandstillWatch& standstill)
    : standstill_(standstill),
      cpus_(std::move(cpus)),
      spin_ms_(timed_spin_ms()),
      run_delay_ms_(read_run_delay_ms(standstill_.thread_id())),
      steal_ms_(read_steal_ms(cpus_)),
      groups_(find_cgroups()),
      throttled_ms_(throttled_ms(groups_)) {}

Interference InterferenceWatch::seen() const {
  Interference seen;
  seen.spin_ms = spin_ms_;
  seen.run_delay_ms = grown(run_delay_ms_, read_run_delay_ms(standstill_.thread_id()));
  seen.steal_ms = grown(steal_ms_, read_steal_ms(cpus_));
  seen.throttled_ms = grown(throttled_ms_, throttled_ms(groups_));
  if (!cpus_.empty()) seen.mhz = read_mhz(cpus_.front());
  seen.standstill = standstill_.seen();
  return seen;
}

double lost_ms(const Interference& seen) {
  return seen.standstill.stalled_ms.value_or(0) + seen.standstill.suspended_ms.value_or(0) +
         seen.run_delay_ms.value_or(0) + seen.steal_ms.value_or(0) + seen.throttled_ms.value_or(0);
}

std::string find_disturbance(const Interference& seen, const ResourceUse& used, const TrialExtent& extent) {
  std::vector<std::string> found = find_standstills(seen.standstill, extent.wall_s);
  const double thread_ms = 1000 * extent.wall_s * extent.threads;
  if (extent.fastest_spin_ms > 0 && seen.spin_ms > kSlowSpin * extent.fastest_spin_ms) {
    found.push_back(fmt::format("the spin before it took {:.2f}x the fastest", seen.spin_ms / extent.fastest_spin_ms));
  }
  if (seen.run_delay_ms && *seen.run_delay_ms > std::max(kLeastDelayMs, kWaitShare * thread_ms)) {
    found.push_back(fmt::format("its threads waited {:.0f} ms for a CPU", *seen.run_delay_ms));
  }
  if (seen.steal_ms && *seen.steal_ms > std::max(kLeastStealMs, kWaitShare * thread_ms)) {
    found.push_back(fmt::format("the hypervisor took {:.0f} ms", *seen.steal_ms));
  }
  if (seen.throttled_ms && *seen.throttled_ms > std::max(kLeastDelayMs, kWaitShare * thread_ms)) {
    found.push_back(fmt::format("a CPU quota throttled its threads for {:.0f} ms", *seen.throttled_ms));
  }
  const auto switches = static_cast<double>(used.involuntary_switches);
  if (switches > std::max(kLeastSwitches, kSwitchesPerThreadSecond * extent.wall_s * extent.threads)) {
    found.push_back(counted(used.involuntary_switches, "involuntary context switch"));
  }
  if (used.major_faults > 0) found.push_back(counted(used.major_faults, "page") + " read from disk");
  return fmt::format("{}", fmt::join(found, ", "));
}

}  // namespace inferbench
