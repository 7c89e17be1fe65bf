// SPDX-License-Identifier: Apache-2.0
#include "measure/affinity.hpp"

#include <fmt/core.h>
#include <sched.h>

#include <algorithm>
#include <cerrno>
#include <cmath>
#include <fstream>
#include <set>
#include <system_error>

#include "measure/cgroup.hpp"
#include "measure/cpu_choice.hpp"
#include "support/error.hpp"

namespace inferbench {

namespace {

bool bind_to(const std::vector<int>& cpus) {
  if (cpus.empty()) return true;
  cpu_set_t set;
  CPU_ZERO(&set);
  for (const int cpu : cpus) CPU_SET(static_cast<std::size_t>(cpu), &set);
  return sched_setaffinity(0, sizeof(set), &set) == 0;
}

}  // namespace

std::vector<int> allowed_cpus() {
  cpu_set_t set;
  CPU_ZERO(&set);
  std::vector<int> cpus;
  if (sched_getaffinity(0, sizeof(set), &set) != 0) return cpus;  // more than 1024 CPUs: binding is not supported
  for (std::size_t cpu = 0; cpu < CPU_SETSIZE; ++cpu) {
    if (CPU_ISSET(cpu, &set)) cpus.push_back(static_cast<int>(cpu));
  }
  return cpus;
}

void bind_to_cpus(const std::vector<int>& cpus) {
  if (!bind_to(cpus)) {
    const auto reason = std::error_code(errno, std::generic_category()).message();
    throw Error(fmt::format("cannot run on the CPUs {}: {}", cpu_list_text(cpus), reason),
                "name CPUs that the process may use (taskset -pc $$ lists them)");
  }
}

std::int32_t usable_cpus() {
  return usable_cpus(allowed_cpus().size(), cpu_quota(find_cgroups()));
}

std::int32_t usable_cpus(std::size_t allowed, const std::optional<double>& quota) {
  const auto cpus = static_cast<double>(std::max<std::size_t>(allowed, 1));
  return static_cast<std::int32_t>(std::max(1.0, std::floor(std::min(cpus, quota.value_or(cpus)))));
}

int core_of_cpu(int cpu) {
  std::ifstream file(fmt::format("/sys/devices/system/cpu/cpu{}/topology/thread_siblings_list", cpu));
  int first = cpu;
  if (!(file >> first)) return cpu;
  return first;
}

std::vector<int> spread_over_cores(const std::vector<int>& allowed, const std::vector<int>& core_of, std::int32_t n) {
  std::vector<int> chosen;
  std::vector<int> siblings;
  std::set<int> cores;
  for (const int cpu : allowed) {
    const auto index = static_cast<std::size_t>(cpu);
    const int core = index < core_of.size() ? core_of[index] : cpu;
    (cores.insert(core).second ? chosen : siblings).push_back(cpu);
  }
  chosen.insert(chosen.end(), siblings.begin(), siblings.end());
  if (chosen.size() > static_cast<std::size_t>(n)) chosen.resize(static_cast<std::size_t>(n));
  std::sort(chosen.begin(), chosen.end());
  return chosen;
}

ScopedAffinity::ScopedAffinity(std::int32_t n) : before_(allowed_cpus()) {
  std::vector<int> core_of;
  if (!before_.empty()) core_of.resize(static_cast<std::size_t>(before_.back()) + 1);
  for (const int cpu : before_) core_of[static_cast<std::size_t>(cpu)] = core_of_cpu(cpu);
  cpus_ = spread_over_cores(before_, core_of, n);
  bind_to(cpus_);
}

ScopedAffinity::~ScopedAffinity() {
  bind_to(before_);
}

}  // namespace inferbench
