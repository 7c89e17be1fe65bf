// SPDX-License-Identifier: Apache-2.0
#include "measure/host_state.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <set>

#include "measure/affinity.hpp"
#include "measure/cgroup.hpp"
#include "measure/resources.hpp"
#include "support/counted.hpp"

namespace inferbench {

namespace {

// Below this, the load is the machine's own housekeeping.
constexpr double kBusyCpus = 0.5;
// A few pages that were swapped out long ago disturb nothing.
constexpr std::uint64_t kMuchSwap = 64U << 20U;

std::string first_word(const char* path) {
  std::ifstream file(path);
  std::string word;
  file >> word;
  return word;
}

// Intel's driver says whether turbo is off, other drivers say whether it is on.
std::optional<bool> read_turbo() {
  const std::string no_turbo = first_word("/sys/devices/system/cpu/intel_pstate/no_turbo");
  if (!no_turbo.empty()) return no_turbo == "0";
  const std::string boost = first_word("/sys/devices/system/cpu/cpufreq/boost");
  if (!boost.empty()) return boost == "1";
  return std::nullopt;
}

bool shares_core(const std::vector<int>& cpus) {
  std::set<int> cores;
  return std::any_of(cpus.begin(), cpus.end(), [&](int cpu) { return !cores.insert(core_of_cpu(cpu)).second; });
}

}  // namespace

HostState read_host_state(std::int32_t threads, const std::optional<CpuTimes>& before) {
  HostState state;
  const std::vector<int> cpus = allowed_cpus();
  state.allowed_cpus = std::max(1, static_cast<std::int32_t>(cpus.size()));
  state.quota = cpu_quota(find_cgroups());
  state.others_busy = cpus_busy_with_others(before, read_cpu_times(cpus));
  state.threads = threads;
  const ScopedAffinity chosen(threads);
  state.siblings_share_core = shares_core(chosen.cpus());
  state.swap_used_bytes = used_swap_bytes();
  state.governor = first_word("/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor");
  state.turbo = read_turbo();
  return state;
}

std::vector<std::string> warnings_of(const HostState& state) {
  std::vector<std::string> warnings;
  const double busy = state.others_busy.value_or(0);
  if (state.threads > state.allowed_cpus) {
    warnings.push_back(fmt::format("{} on {}: they will wait for each other", counted(state.threads, "thread"),
                                   counted(state.allowed_cpus, "usable CPU")));
  } else if (state.quota && state.threads > *state.quota) {
    warnings.push_back(fmt::format("{} with a CPU quota of {:.3g}: the kernel will throttle the process",
                                   counted(state.threads, "thread"), *state.quota));
  } else if (busy > kBusyCpus && state.allowed_cpus - busy < state.threads) {
    warnings.push_back(fmt::format("the machine is busy: other programs use {:.1f} of the {}, too few are free for {}",
                                   busy, counted(state.allowed_cpus, "CPU"), counted(state.threads, "thread")));
  } else if (busy > kBusyCpus) {
    warnings.push_back(fmt::format("the machine is busy: other programs use {:.1f} of the {}, times will be noisy",
                                   busy, counted(state.allowed_cpus, "CPU")));
  }
  if (state.siblings_share_core && state.threads <= state.allowed_cpus) {
    warnings.push_back(
        fmt::format("{} on both hyperthreads of a core: they slow each other down", counted(state.threads, "thread")));
  }
  if (state.swap_used_bytes > kMuchSwap) {
    warnings.push_back(
        fmt::format("{} MiB are swapped out: memory was short, and may be again", state.swap_used_bytes >> 20U));
  }
  if (!state.governor.empty() && state.governor != "performance") {
    warnings.push_back(fmt::format("the frequency governor is '{}': times may drift ('performance' keeps it constant)",
                                   state.governor));
  }
  if (state.turbo.value_or(false)) {
    warnings.emplace_back("turbo is on: speed depends on temperature and on how many cores are busy");
  }
  return warnings;
}

}  // namespace inferbench
