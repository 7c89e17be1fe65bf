// SPDX-License-Identifier: Apache-2.0
#include "measure/machine_limits.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <memory>
#include <new>

#include "measure/affinity.hpp"
#include "measure/clock.hpp"
#include "measure/huge_buffer.hpp"
#include "measure/machine_isa.hpp"
#include "measure/machine_team.hpp"
#include "measure/resources.hpp"
#include "support/counted.hpp"
#include "support/error.hpp"

namespace inferbench {
namespace {

using machine_kernels::PeakKernel;
using machine_kernels::Walk;

struct Effort {
  int repetitions;
  double seconds;  ///< minimum for one repetition
};

Effort effort_of(const MachineOptions& options) {
  return options.quick ? Effort{4, 0.005} : Effort{9, 0.012};
}

/// Measures the rate of work that does `amount_per_turn` per turn. A repetition runs enough turns to last long enough
/// to be timed. `run_turns(n)` returns the seconds that n turns took.
MeasuredRate measure_rate(const Effort& effort, double amount_per_turn, const std::string& how,
                          const std::function<double(std::uint64_t)>& run_turns) {
  std::uint64_t turns = 1;
  double seconds = run_turns(turns);
  while (seconds < effort.seconds) {
    const double wanted = static_cast<double>(turns) * 1.2 * effort.seconds / seconds;
    turns =
        static_cast<std::uint64_t>(std::clamp(wanted, static_cast<double>(turns) * 2, static_cast<double>(turns) * 64));
    seconds = run_turns(turns);
  }
  std::vector<double> rates;
  rates.reserve(static_cast<std::size_t>(effort.repetitions));
  for (int i = 0; i < effort.repetitions; ++i)
    rates.push_back(amount_per_turn * static_cast<double>(turns) / run_turns(turns));
  std::sort(rates.begin(), rates.end());
  const std::size_t middle = rates.size() / 2;
  const double median = rates.size() % 2 == 1 ? rates[middle] : (rates[middle - 1] + rates[middle]) / 2;
  return {rates.back(), median, how};
}

MeasuredRate& keep_faster(MeasuredRate& best, MeasuredRate rate) {
  if (rate.best > best.best) best = std::move(rate);
  return best;
}

MeasuredRate measure_peak(MachineTeam& team, const std::vector<PeakKernel>& kernels, const Effort& effort) {
  MeasuredRate best;
  for (const PeakKernel& kernel : kernels) {
    const double operations = static_cast<double>(kernel.operations) * static_cast<double>(team.size());
    keep_faster(best, measure_rate(effort, operations, kernel.isa, [&](std::uint64_t turns) {
                  return team.run([&](std::size_t) { kernel.run(turns); });
                }));
  }
  return best;
}

/// Uses only the widest loads: narrower ones never read memory faster.
ReadBandwidth measure_read(MachineTeam& team, std::uint64_t bytes, const Effort& effort) {
  constexpr std::uint64_t kPage = 4096;
  const std::uint64_t slice = (bytes / team.size() + kPage - 1) / kPage * kPage;
  const HugeBuffer buffer(slice * team.size());
  team.run([&](std::size_t thread) { std::fill_n(buffer.data() + thread * slice, slice, '\1'); });
  const ReadKernel kernel = read_kernels().back();
  constexpr std::pair<Walk, const char*> kWalks[] = {
      {Walk::kPlain, "plain"}, {Walk::kPrefetched, "prefetched"}, {Walk::kFourStreams, "four streams"}};
  ReadBandwidth result{bytes, {}};
  for (const auto& [walk, name] : kWalks) {
    const auto pass = [&, way = walk](std::uint64_t turns) {
      return team.run([&](std::size_t thread) {
        for (std::uint64_t i = 0; i < turns; ++i) kernel.run(buffer.data() + thread * slice, slice, way);
      });
    };
    keep_faster(result.bytes_per_s, measure_rate(effort, static_cast<double>(buffer.size()),
                                                 fmt::format("{}, {}", kernel.isa, name), pass));
  }
  return result;
}

double measure_clock_ns() {
  constexpr int kReadings = 20000;
  double best = HUGE_VAL;
  for (int repetition = 0; repetition < 10; ++repetition) {
    const std::uint64_t begin = now_ns();
    std::uint64_t last = begin;
    for (int i = 0; i < kReadings; ++i) last = now_ns();
    best = std::min(best, static_cast<double>(last - begin) / kReadings);
  }
  return best;
}

std::vector<std::int32_t> thread_counts_of(const MachineOptions& options, std::int32_t cpus) {
  std::vector<std::int32_t> counts = options.thread_counts.empty() ? thread_ladder(cpus) : options.thread_counts;
  std::sort(counts.begin(), counts.end());
  counts.erase(std::unique(counts.begin(), counts.end()), counts.end());
  if (counts.front() < 1 || counts.back() > cpus) {
    const std::int32_t wrong = counts.front() < 1 ? counts.front() : counts.back();
    throw Error(fmt::format("the limits of {} cannot be measured on the {} that this process may use",
                            counted(wrong, "thread"), counted(cpus, "CPU")),
                fmt::format("give 1 to {}", cpus));
  }
  return counts;
}

std::vector<std::uint64_t> buffer_sizes_of(const MachineOptions& options) {
  std::vector<std::uint64_t> sizes = options.buffer_bytes;
  std::sort(sizes.begin(), sizes.end());
  sizes.erase(std::unique(sizes.begin(), sizes.end()), sizes.end());
  if (!sizes.empty() && sizes.front() == 0) throw Error("a buffer of 0 bytes cannot be read", "give at least 1");
  const std::uint64_t available = available_memory_bytes();
  if (available > 0) std::erase_if(sizes, [&](std::uint64_t bytes) { return bytes > available / 2; });
  return sizes;
}

/// The CPUs that a trial with this many threads would be bound to.
std::vector<int> cpus_for(std::int32_t threads) {
  const ScopedAffinity chosen(threads);
  return chosen.cpus();
}

}  // namespace

std::vector<std::int32_t> thread_ladder(std::int32_t most) {
  std::vector<std::int32_t> counts;
  for (std::int32_t n = 1; n < most; n *= 2) counts.push_back(n);
  counts.push_back(most);
  return counts;
}

MachineLimits measure_machine(const MachineOptions& options) {
  const auto cpus = static_cast<std::int32_t>(std::max<std::size_t>(1, allowed_cpus().size()));
  const std::vector<std::int32_t> counts = thread_counts_of(options, cpus);
  const std::vector<std::uint64_t> sizes = buffer_sizes_of(options);
  const Effort effort = effort_of(options);
  const double parts = static_cast<double>(counts.size() * (sizes.size() + 2));
  double done = 0;
  const auto begin_part = [&](std::int32_t threads, const std::string& what) {
    if (options.progress) options.progress(done / parts, fmt::format("{}, {}", what, counted(threads, "thread")));
    ++done;
  };

  MachineLimits limits;
  limits.clock_read_ns = measure_clock_ns();
  for (const std::int32_t threads : counts) {
    MachineTeam team(cpus_for(threads));
    ThreadLimits& here = limits.by_threads.emplace_back();
    here.threads = threads;
    begin_part(threads, "fp32 peak");
    here.fp32_flops_per_s = measure_peak(team, fp32_kernels(), effort);
    begin_part(threads, "int8 peak");
    here.int8_ops_per_s = measure_peak(team, int8_kernels(), effort);
    for (const std::uint64_t bytes : sizes) {
      begin_part(threads, fmt::format("reading {} MiB", bytes >> 20U));
      try {
        here.read.push_back(measure_read(team, bytes, effort));
      } catch (const std::bad_alloc&) {
        // Left out, like a size beyond half of the available memory.
      }
    }
  }
  if (options.progress) options.progress(1, "");
  return limits;
}

const DeviceLimits* MachineLimits::find(std::string_view device) const {
  const auto found = std::find_if(by_device.begin(), by_device.end(),
                                  [&](const DeviceLimits& limits) { return limits.device == device; });
  return found == by_device.end() ? nullptr : &*found;
}

const ThreadLimits* MachineLimits::find(std::int32_t threads) const {
  for (const ThreadLimits& limits : by_threads) {
    if (limits.threads == threads) return &limits;
  }
  return nullptr;
}

WorkLimits work_limits(const ThreadLimits& limits, std::uint64_t bytes,
                       const std::optional<PrecisionMeaning>& precision) {
  const double fp32 = limits.fp32_flops_per_s.best;
  return {read_bandwidth_near(limits, bytes), multiplies_integers(precision) ? limits.int8_ops_per_s.best : fp32, fp32};
}

WorkLimits work_limits(const DeviceLimits& limits, std::uint64_t bytes,
                       const std::optional<PrecisionMeaning>& precision) {
  const double fp32 = limits.fp32_flops_per_s.best;
  const bool wide = precision && precision->bits > 16;
  const MeasuredRate& narrow = multiplies_integers(precision) ? limits.int8_ops_per_s : limits.bf16_flops_per_s;
  return {read_bandwidth_near(limits.read, bytes), wide ? fp32 : narrow.best, fp32};
}

WorkLimits work_limits(const MachineLimits& limits, std::string_view device, std::int32_t threads, std::uint64_t bytes,
                       const std::optional<PrecisionMeaning>& precision) {
  if (device.empty() || device == "cpu") {
    const ThreadLimits* here = limits.find(threads);
    return here == nullptr ? WorkLimits{} : work_limits(*here, bytes, precision);
  }
  const DeviceLimits* here = limits.find(device);
  return here == nullptr ? WorkLimits{} : work_limits(*here, bytes, precision);
}

double read_bandwidth_near(const ThreadLimits& limits, std::uint64_t bytes) {
  return read_bandwidth_near(limits.read, bytes);
}

double read_bandwidth_near(const std::vector<ReadBandwidth>& measured, std::uint64_t bytes) {
  double nearest = HUGE_VAL;
  double bandwidth = 0;
  for (const ReadBandwidth& read : measured) {
    const double distance = std::abs(
        std::log(static_cast<double>(read.buffer_bytes) / static_cast<double>(std::max<std::uint64_t>(bytes, 1))));
    if (distance >= nearest) continue;
    nearest = distance;
    bandwidth = read.bytes_per_s.best;
  }
  return bandwidth;
}

}  // namespace inferbench
