// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>

#include <atomic>
#include <thread>

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
  EXPECT_EQ(find_disturbance({}, {}, {}), "");  // a machine that tells nothing
}

TEST(FindDisturbance, NamesWhatDisturbed) {
  Interference seen = quiet();
  seen.spin_ms = 0.7;
  EXPECT_THAT(find_disturbance(seen, {}, kSecondOnTwoThreads), HasSubstr("spin before it took 1.40 times"));
  seen = quiet();
  seen.run_delay_ms = 60;
  EXPECT_THAT(find_disturbance(seen, {}, kSecondOnTwoThreads), HasSubstr("waited 60 ms for a CPU"));
  seen = quiet();
  seen.steal_ms = 100;
  EXPECT_THAT(find_disturbance(seen, {}, kSecondOnTwoThreads), HasSubstr("hypervisor took 100 ms"));
  EXPECT_THAT(find_disturbance(quiet(), {1, 200, 0}, kSecondOnTwoThreads), HasSubstr("200 involuntary"));
  EXPECT_THAT(find_disturbance(quiet(), {1, 0, 3}, kSecondOnTwoThreads), HasSubstr("3 pages came from the disk"));
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

// A second busy thread on the only CPU: half of the time goes to it.
TEST(InterferenceWatch, SeesAThreadThatTakesTurns) {
  const ScopedAffinity one(1);
  const InterferenceWatch watch(one.cpus());
  std::thread other([] { busy_for(0.2); });
  busy_for(0.2);
  other.join();
  const Interference seen = watch.seen();
  EXPECT_GT(seen.spin_ms, 0);
  if (!seen.run_delay_ms) GTEST_SKIP() << "this kernel has no schedstat";
  EXPECT_GT(*seen.run_delay_ms, 50);
  EXPECT_NE(find_disturbance(seen, {}, {0.2, 1, 0}), "");
}

}  // namespace
}  // namespace inferbench
