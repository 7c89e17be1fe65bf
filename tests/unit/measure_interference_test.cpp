// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <chrono>
#include <csignal>
#include <thread>
#include <vector>

#include "measure/affinity.hpp"
#include "measure/clock.hpp"
#include "measure/interference.hpp"

namespace inferbench {
namespace {

using testing::HasSubstr;

constexpr TrialExtent kSecondOnTwoThreads{1, 2, 0.5};

Interference quiet() {
  Interference seen;
  seen.spin_ms = 0.52;
  seen.run_delay_ms = 3;
  seen.steal_ms = 10;
  return seen;
}

TEST(FindDisturbance, LetsAQuietMachinePass) {
  EXPECT_EQ(find_disturbance(quiet(), {1, 20, 0}, kSecondOnTwoThreads), "");
  EXPECT_EQ(find_disturbance({}, {}, {}), "");  // a machine that reports nothing
}

TEST(FindDisturbance, NamesWhatDisturbed) {
  Interference seen = quiet();
  seen.spin_ms = 0.7;
  EXPECT_THAT(find_disturbance(seen, {}, kSecondOnTwoThreads), HasSubstr("spin before it took 1.40x"));
  seen = quiet();
  seen.run_delay_ms = 60;
  EXPECT_THAT(find_disturbance(seen, {}, kSecondOnTwoThreads), HasSubstr("waited 60 ms for a CPU"));
  seen = quiet();
  seen.throttled_ms = 30;
  EXPECT_EQ(find_disturbance(seen, {}, kSecondOnTwoThreads), "");
  seen.throttled_ms = 60;
  EXPECT_EQ(find_disturbance(seen, {}, kSecondOnTwoThreads), "a CPU quota throttled its threads for 60 ms");
  seen = quiet();
  seen.steal_ms = 100;
  EXPECT_THAT(find_disturbance(seen, {}, kSecondOnTwoThreads), HasSubstr("hypervisor took 100 ms"));
  EXPECT_THAT(find_disturbance(quiet(), {1, 200, 0}, kSecondOnTwoThreads), HasSubstr("200 involuntary"));
  EXPECT_THAT(find_disturbance(quiet(), {1, 0, 3}, kSecondOnTwoThreads), HasSubstr("3 pages read from disk"));
}

TEST(FindDisturbance, HoldsShortTrialsToNoSingleTick) {
  const TrialExtent short_trial{0.001, 1, 0.5};
  Interference seen = quiet();
  seen.run_delay_ms = 1;
  EXPECT_EQ(find_disturbance(seen, {0.001, 1, 0}, short_trial), "");
}

void busy_for(double seconds) {
  const std::uint64_t end = now_ns() + static_cast<std::uint64_t>(seconds * 1e9);
  while (now_ns() < end) {
  }
}

// A second busy thread on the only CPU takes half of the time.
TEST(InterferenceWatch, SeesAThreadThatTakesTurns) {
  StandstillWatch standstill;
  const ScopedAffinity one(1);
  const InterferenceWatch watch(one.cpus(), standstill);
  std::thread other([] { busy_for(0.2); });
  busy_for(0.2);
  other.join();
  const Interference seen = watch.seen();
  EXPECT_GT(seen.spin_ms, 0);
  if (!seen.run_delay_ms) GTEST_SKIP() << "this kernel has no schedstat";
  EXPECT_GT(*seen.run_delay_ms, 50);
  EXPECT_NE(find_disturbance(seen, {}, {0.2, 1, 0}), "");
}

TEST(FindDisturbance, NamesAStandstill) {
  Interference seen = quiet();
  seen.standstill.stalled_ms = 20;
  seen.standstill.suspended_ms = 0.01;
  EXPECT_EQ(find_disturbance(seen, {}, kSecondOnTwoThreads), "");
  seen.standstill.stalled_ms = 480;
  EXPECT_THAT(find_disturbance(seen, {}, kSecondOnTwoThreads), HasSubstr("the process stalled for 480 ms"));
  seen.standstill = {};
  seen.standstill.suspended_ms = 2500;
  EXPECT_THAT(find_disturbance(seen, {}, kSecondOnTwoThreads), HasSubstr("the machine was suspended for 2.5 s"));
  seen.standstill = {};
  seen.standstill.stopped = true;
  EXPECT_THAT(find_disturbance(seen, {}, kSecondOnTwoThreads), HasSubstr("a signal stopped the process"));
  seen.standstill = {};
  seen.standstill.traced = true;
  EXPECT_THAT(find_disturbance(seen, {}, kSecondOnTwoThreads), HasSubstr("a debugger or tracer was attached"));
}

// Stalled milliseconds that a child process measures on itself while `disturb` runs with its process id.
template <typename Work, typename Disturb>
double stalled_ms_of(Work work, Disturb disturb) {
  std::array<int, 2> ends{};
  EXPECT_EQ(pipe(ends.data()), 0);
  const pid_t child = fork();
  if (child == 0) {
    StandstillWatch watch;
    work();
    const double stalled = watch.seen().stalled_ms.value_or(-1);
    _exit(::write(ends[1], &stalled, sizeof(stalled)) == sizeof(stalled) ? 0 : 1);
  }
  disturb(child);
  double stalled = -1;
  EXPECT_EQ(read(ends[0], &stalled, sizeof(stalled)), static_cast<ssize_t>(sizeof(stalled)));
  waitpid(child, nullptr, 0);
  close(ends[0]);
  close(ends[1]);
  return stalled;
}

void sleep_ms(int ms) {
  std::this_thread::sleep_for(std::chrono::milliseconds(ms));
}

void stop_for_half_a_second(pid_t process) {
  sleep_ms(100);
  kill(process, SIGSTOP);
  sleep_ms(500);
  kill(process, SIGCONT);
}

TEST(StandstillWatch, SeesAStoppedProcessWhateverItDoes) {
  // The stop begins within one heartbeat
  EXPECT_GT(stalled_ms_of([] { busy_for(0.3); }, stop_for_half_a_second), 250);
  EXPECT_GT(stalled_ms_of([] { sleep_ms(300); }, stop_for_half_a_second), 250);
}

// One backend waits for a device; the other's threads occupy every CPU.
TEST(StandstillWatch, TakesNeitherSleepNorLoadForAStandstill) {
  const auto leave_alone = [](pid_t) {};
  EXPECT_LT(stalled_ms_of([] { sleep_ms(700); }, leave_alone), 250);
  const auto crowd = [] {
    std::vector<std::thread> others;
    for (unsigned i = 0; i < 4 * std::thread::hardware_concurrency(); ++i) others.emplace_back([] { busy_for(0.5); });
    for (std::thread& other : others) other.join();
  };
  EXPECT_LT(stalled_ms_of(crowd, leave_alone), 250);
}

}  // namespace
}  // namespace inferbench
