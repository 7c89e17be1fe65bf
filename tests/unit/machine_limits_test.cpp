// SPDX-License-Identifier: Apache-2.0
#include "measure/machine_limits.hpp"

#include <gmock/gmock.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <csetjmp>
#include <csignal>
#include <cstring>
#include <memory>
#include <nlohmann/json.hpp>
#include <set>

#include "measure/affinity.hpp"
#include "measure/huge_buffer.hpp"
#include "measure/machine_isa.hpp"
#include "measure/machine_team.hpp"
#include "support/error.hpp"

namespace inferbench {
namespace {

using machine_kernels::Walk;
using testing::ElementsAre;

MachineOptions small_options() {
  MachineOptions options;
  options.quick = true;
  options.buffer_bytes = {4 << 20, 32 << 20};
  return options;
}

TEST(MachineLimits, AreSane) {
  const MachineLimits limits = measure_machine(small_options());
  EXPECT_GT(limits.clock_read_ns, 0.5);
  EXPECT_LT(limits.clock_read_ns, 100000);
  ASSERT_FALSE(limits.by_threads.empty());
  for (const ThreadLimits& here : limits.by_threads) {
    ASSERT_EQ(here.read.size(), 2U);
    for (const ReadBandwidth& read : here.read) {
      // Between a floppy disk and a hundred times a current core's cache. A wrong unit, or loads that the compiler
      // removed, would be outside.
      EXPECT_GT(read.bytes_per_s.best, 50e6);
      EXPECT_LT(read.bytes_per_s.best, 2e12 * here.threads);
      EXPECT_GE(read.bytes_per_s.best, read.bytes_per_s.median);
    }
    EXPECT_GT(here.fp32_flops_per_s.best, 100e6);
    EXPECT_LT(here.fp32_flops_per_s.best, 1e12 * here.threads);
    EXPECT_GE(here.fp32_flops_per_s.best, here.fp32_flops_per_s.median);
    EXPECT_FALSE(here.int8_ops_per_s.how.empty());
  }
}

// Comparing rates needs a machine that is undisturbed for a moment, so each rate is the best of several attempts. On a
// busy machine, one thread finds a quiet moment sooner than all threads together.
TEST(MachineLimits, Int8KeepsUpWithFp32AndManyThreadsWithOne) {
  MachineOptions options;
  options.quick = true;
  options.buffer_bytes = {};
  double one_fp32 = 0;
  double one_int8 = 0;
  double most_fp32 = 0;
  double most_int8 = 0;
  const auto keeps_up = [&] {
    return one_int8 >= 0.8 * one_fp32 && most_fp32 >= 0.9 * one_fp32 && most_int8 >= 0.9 * one_int8;
  };
  for (int attempt = 0; attempt < 20 && (attempt == 0 || !keeps_up()); ++attempt) {
    const MachineLimits limits = measure_machine(options);
    const ThreadLimits& one = limits.by_threads.front();
    const ThreadLimits& most = limits.by_threads.back();
    one_fp32 = std::max(one_fp32, one.fp32_flops_per_s.best);
    one_int8 = std::max(one_int8, one.int8_ops_per_s.best);
    most_fp32 = std::max(most_fp32, most.fp32_flops_per_s.best);
    most_int8 = std::max(most_int8, most.int8_ops_per_s.best);
  }
  EXPECT_GE(one_int8, 0.8 * one_fp32);
  EXPECT_GE(most_fp32, 0.9 * one_fp32);
  EXPECT_GE(most_int8, 0.9 * one_int8);
}

TEST(MachineLimits, ThreadsAndBuffersAsAsked) {
  MachineOptions options = small_options();
  options.thread_counts = {1, 1};
  options.buffer_bytes = {2 << 20, 1000, 2 << 20, std::uint64_t{1} << 60U};  // the last size exceeds any memory
  std::vector<double> fractions;
  options.progress = [&](double fraction, const std::string&) { fractions.push_back(fraction); };
  const MachineLimits limits = measure_machine(options);
  ASSERT_EQ(limits.by_threads.size(), 1U);
  EXPECT_EQ(limits.by_threads[0].threads, 1);
  ASSERT_EQ(limits.by_threads[0].read.size(), 2U);
  EXPECT_EQ(limits.by_threads[0].read[0].buffer_bytes, 1000U);
  EXPECT_EQ(limits.by_threads[0].read[1].buffer_bytes, 2U << 20U);
  EXPECT_THAT(fractions, ElementsAre(0, 0.25, 0.5, 0.75, 1));
  EXPECT_NE(limits.find(1), nullptr);
  EXPECT_EQ(limits.find(2), nullptr);
}

TEST(MachineLimits, ImpossibleOptionsAreErrors) {
  MachineOptions options = small_options();
  options.thread_counts = {0};
  EXPECT_THROW(measure_machine(options), Error);
  options.thread_counts = {1, 100000};
  EXPECT_THROW(measure_machine(options), Error);
  options.thread_counts = {1};
  options.buffer_bytes = {0};
  EXPECT_THROW(measure_machine(options), Error);
}

TEST(MachineLimits, LadderOfThreads) {
  EXPECT_THAT(thread_ladder(1), ElementsAre(1));
  EXPECT_THAT(thread_ladder(2), ElementsAre(1, 2));
  EXPECT_THAT(thread_ladder(6), ElementsAre(1, 2, 4, 6));
  EXPECT_THAT(thread_ladder(8), ElementsAre(1, 2, 4, 8));
}

TEST(MachineLimits, JsonRoundTrip) {
  MachineLimits limits;
  limits.clock_read_ns = 21.5;
  limits.by_threads = {
      {1, {{1 << 20, {3e10, 2.5e10, "avx2, plain"}}}, {1e11, 9e10, "avx2"}, {4e11, 3e11, "avx512vnni"}},
      {2, {}, {2e11, 1e11, "avx2"}, {8e11, 6e11, "avx512vnni"}}};
  const auto json = to_json(limits);
  EXPECT_EQ(machine_limits_from_json(nlohmann::ordered_json::parse(json.dump())), limits);
  MachineLimits with_device = limits;
  DeviceLimits& device = with_device.by_device.emplace_back();
  device.device = "cuda:0";
  device.name = "card";
  device.read = {{1U << 20U, {3e12, 2e12, "loads"}}};
  device.bf16_flops_per_s = {7e14, 6e14, "mma"};
  device.round_trips_per_s = {1e5, 9e4, "nothing"};
  const auto with_device_json = nlohmann::ordered_json::parse(to_json(with_device).dump());
  EXPECT_EQ(machine_limits_from_json(with_device_json), with_device);
  EXPECT_TRUE(with_device_json.at("by_device")[0].at("int8_ops_per_s").is_null());
  EXPECT_EQ(with_device.find("cuda:0"), &with_device.by_device[0]);
  EXPECT_EQ(with_device.find("cuda:1"), nullptr);
  for (const char* key : {"clock_read_ns", "by_threads"}) {
    auto damaged = json;
    damaged.erase(key);
    EXPECT_THROW(machine_limits_from_json(damaged), Error) << key;
  }
  auto damaged = json;
  damaged["by_threads"][0]["threads"] = "two";
  EXPECT_THROW(machine_limits_from_json(damaged), Error);
  EXPECT_THROW(machine_limits_from_json(nullptr), Error);
}

TEST(MachineLimits, NearestBufferByRatio) {
  ThreadLimits limits;
  EXPECT_EQ(read_bandwidth_near(limits, 100), 0);
  limits.read = {{16, {4, 0, ""}}, {64, {2, 0, ""}}, {512, {1, 0, ""}}};
  EXPECT_EQ(read_bandwidth_near(limits, 0), 4);
  EXPECT_EQ(read_bandwidth_near(limits, 31), 4);
  EXPECT_EQ(read_bandwidth_near(limits, 33), 2);
  EXPECT_EQ(read_bandwidth_near(limits, 1000000), 1);
}

TEST(MachineTeam, AllWorkAtOnceEachOnItsCpu) {
  std::vector<int> cpus = allowed_cpus();
  if (cpus.size() > 4) cpus.resize(4);
  MachineTeam team(cpus);
  ASSERT_EQ(team.size(), cpus.size());
  for (int round = 0; round < 50; ++round) {
    std::vector<int> seen(team.size(), -1);
    std::atomic<std::size_t> inside{0};
    const double seconds = team.run([&](std::size_t thread) {
      seen[thread] = sched_getcpu();
      ++inside;
      while (inside < team.size()) std::this_thread::yield();  // ends only when all threads are inside
    });
    EXPECT_GT(seconds, 0);
    EXPECT_EQ(seen, cpus);
  }
}

TEST(MachineTeam, OneUnboundThreadWhereNoCpuIsKnown) {
  MachineTeam team({});
  int runs = 0;
  team.run([&](std::size_t) { ++runs; });
  EXPECT_EQ(runs, 1);
}

TEST(HugeBuffer, IsAlignedAndWritable) {
  const HugeBuffer buffer(5000000);
  EXPECT_EQ(reinterpret_cast<std::uintptr_t>(buffer.data()) % (2U << 20U), 0U);
  EXPECT_EQ(buffer.size(), 5000000U);
  std::memset(buffer.data(), 1, buffer.size());
  EXPECT_THROW(HugeBuffer(std::size_t{1} << 60U), std::bad_alloc);
}

/// The buffer of the walk, and the number of pages with a fault.
struct FaultLog {
  char* begin = nullptr;
  std::size_t size = 0;
  std::atomic<int> faults{0};
};
FaultLog fault_log;  // NOLINT: a signal handler can only use globals

void open_page(int, siginfo_t* info, void*) {
  auto* address = static_cast<char*>(info->si_addr);
  if (address < fault_log.begin || address >= fault_log.begin + fault_log.size) _exit(9);
  const std::size_t page = static_cast<std::size_t>(address - fault_log.begin) / 4096;
  mprotect(fault_log.begin + page * 4096, 4096, PROT_READ);
  ++fault_log.faults;
}

// The pages are protected, so every first touch causes a fault; no page may be left out. A guard page behind them
// detects a walk that goes too far.
TEST(MachineKernels, EveryWalkTouchesEveryPageAndNoneBeyond) {
  constexpr std::size_t kPages = 64;
  fault_log.size = kPages * 4096;
  void* mapping = mmap(nullptr, fault_log.size + 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  ASSERT_NE(mapping, MAP_FAILED);
  fault_log.begin = static_cast<char*>(mapping);
  struct sigaction action {};
  struct sigaction before {};
  action.sa_sigaction = open_page;
  action.sa_flags = SA_SIGINFO;
  sigaction(SIGSEGV, &action, &before);
  for (const ReadKernel& kernel : read_kernels()) {
    for (const Walk walk : {Walk::kPlain, Walk::kPrefetched, Walk::kFourStreams}) {
      mprotect(fault_log.begin, fault_log.size, PROT_NONE);
      fault_log.faults = 0;
      kernel.run(fault_log.begin, fault_log.size, walk);
      EXPECT_EQ(fault_log.faults, static_cast<int>(kPages)) << kernel.isa;
    }
  }
  sigaction(SIGSEGV, &before, nullptr);
  munmap(mapping, fault_log.size + 4096);
}

// More turns must take proportionally longer; they would not if the compiler had shortened the loop.
TEST(MachineKernels, TimeGrowsWithTheTurns) {
  std::vector<machine_kernels::PeakKernel> kernels = fp32_kernels();
  for (const auto& kernel : int8_kernels()) kernels.push_back(kernel);
  MachineTeam team({});
  for (const auto& kernel : kernels) {
    const auto best_of = [&](std::uint64_t turns) {
      double best = 1e9;
      for (int i = 0; i < 8; ++i) best = std::min(best, team.run([&](std::size_t) { kernel.run(turns); }));
      return best;
    };
    const double once = best_of(50000);
    EXPECT_GT(best_of(400000), 4 * once) << kernel.isa;
    // No core executes 1024 operations in a tenth of a nanosecond.
    EXPECT_GT(once, 50000 * 1e-10 * static_cast<double>(kernel.operations) / 1024) << kernel.isa;
  }
}

}  // namespace
}  // namespace inferbench
