// SPDX-License-Identifier: Apache-2.0
#include "measure/cpu_load.hpp"

#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <fstream>
#include <sstream>
#include <string>

#include "measure/clock.hpp"

namespace inferbench {

namespace {

// The kernel counts in ticks of 10 ms: in a shorter interval, one tick is a large share.
constexpr double kLeastSeconds = 0.1;

double process_seconds(int who) {
  rusage usage{};
  getrusage(who, &usage);
  const auto seconds = [](const timeval& time) {
    return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) * 1e-6;
  };
  return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

}  // namespace

std::optional<CpuTimes> read_cpu_times(const std::vector<int>& cpus, const std::filesystem::path& stat) {
  std::ifstream file(stat);
  double ticks = 0;
  std::size_t found = 0;
  for (std::string line; std::getline(file, line) && line.starts_with("cpu");) {
    std::istringstream fields(line.substr(3));
    int cpu = -1;
    if (line.size() < 4 || line[3] == ' ' || !(fields >> cpu)) continue;  // the line with the sum over all CPUs
    if (std::find(cpus.begin(), cpus.end(), cpu) == cpus.end()) continue;
    double user = 0;
    double nice = 0;
    double system = 0;
    double idle = 0;
    double waiting = 0;
    double interrupts = 0;
    double soft_interrupts = 0;
    if (!(fields >> user >> nice >> system >> idle >> waiting >> interrupts >> soft_interrupts)) return std::nullopt;
    ticks += user + nice + system + interrupts + soft_interrupts;
    ++found;
  }
  if (found == 0 || found != cpus.size()) return std::nullopt;
  return CpuTimes{now_ns(), ticks / static_cast<double>(sysconf(_SC_CLK_TCK)),
                  process_seconds(RUSAGE_SELF) + process_seconds(RUSAGE_CHILDREN)};
}

std::optional<double> cpus_busy_with_others(const std::optional<CpuTimes>& before,
                                            const std::optional<CpuTimes>& after) {
  if (!before || !after) return std::nullopt;
  const double seconds = elapsed_ms(before->at_ns, after->at_ns) * 1e-3;
  if (seconds < kLeastSeconds) return std::nullopt;
  const double others_s = (after->all_s - before->all_s) - (after->own_s - before->own_s);
  return std::max(0.0, others_s) / seconds;
}

}  // namespace inferbench
