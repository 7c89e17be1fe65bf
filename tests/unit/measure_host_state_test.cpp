// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>

#include "measure/affinity.hpp"
#include "measure/host_state.hpp"

namespace inferbench {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

HostState quiet_host() {
  HostState state;
  state.allowed_cpus = 8;
  state.threads = 4;
  state.others_busy = 0.3;
  state.governor = "performance";
  state.turbo = false;
  return state;
}

TEST(HostWarnings, AQuietMachineHasNone) {
  EXPECT_THAT(warnings_of(quiet_host()), IsEmpty());
  EXPECT_THAT(warnings_of({}), IsEmpty());
}

TEST(HostWarnings, NameEachProblem) {
  HostState state = quiet_host();
  state.threads = 9;
  EXPECT_THAT(warnings_of(state), ElementsAre(HasSubstr("9 threads on 8 usable CPUs")));
  state = quiet_host();
  state.others_busy = 5;
  EXPECT_THAT(warnings_of(state),
              ElementsAre(HasSubstr("other programs use 5.0 of the 8 CPUs, too few are free for 4 threads")));
  state.others_busy = std::nullopt;
  EXPECT_THAT(warnings_of(state), IsEmpty()) << "unknown";
  state.quota = 2.5;
  EXPECT_THAT(warnings_of(state), ElementsAre(HasSubstr("4 threads with a CPU quota of 2.5")));
  state.quota = 4;
  EXPECT_THAT(warnings_of(state), IsEmpty());
  state.others_busy = 2;
  EXPECT_THAT(warnings_of(state), ElementsAre(HasSubstr("times will be noisy")));
  state = quiet_host();
  state.siblings_share_core = true;
  EXPECT_THAT(warnings_of(state), ElementsAre(HasSubstr("both hyperthreads of a core")));
  state = quiet_host();
  state.swap_used_bytes = std::uint64_t{300} << 20U;
  EXPECT_THAT(warnings_of(state), ElementsAre(HasSubstr("300 MiB are swapped out")));
  state = quiet_host();
  state.governor = "powersave";
  state.turbo = true;
  EXPECT_THAT(warnings_of(state), ElementsAre(HasSubstr("'powersave'"), HasSubstr("turbo is on")));
}

TEST(HostState, KnowsTheCpus) {
  const HostState state = read_host_state(1, std::nullopt);
  EXPECT_EQ(state.allowed_cpus, static_cast<std::int32_t>(allowed_cpus().size()));
  EXPECT_EQ(state.others_busy, std::nullopt);
  EXPECT_EQ(state.threads, 1);
  EXPECT_FALSE(state.siblings_share_core);
}

// Another program runs on CPU 5 of 64, and this one on the two CPUs that it may use, so nothing disturbs it.
TEST(CpuLoad, CountsOthersOnTheAllowedCpusAlone) {
  const std::optional<CpuTimes> before = CpuTimes{0, 100, 10};
  const std::optional<CpuTimes> after = CpuTimes{2'000'000'000, 103, 13};
  EXPECT_EQ(cpus_busy_with_others(before, after), 0.0) << "3 s, all of them its own";
  EXPECT_DOUBLE_EQ(cpus_busy_with_others(before, CpuTimes{2'000'000'000, 104, 11}).value_or(-1), 1.5);
  EXPECT_EQ(cpus_busy_with_others(before, CpuTimes{1'000'000, 104, 11}), std::nullopt) << "too short to tell";
  EXPECT_EQ(cpus_busy_with_others(std::nullopt, after), std::nullopt);

  std::string name = (std::filesystem::temp_directory_path() / "inferbench-stat-XXXXXX").string();
  close(mkstemp(name.data()));
  std::ofstream(name) << "cpu  900 0 0 0 0 0 0 0 0 0\ncpu0 100 20 30 5000 9 4 6 70 0 0\n"
                      << "cpu1 200 0 0 5000 0 0 0 0 0 0\ncpu5 800 0 0 0 0 0 0 0 0 0\nintr 5\n";
  const double tick_s = 1.0 / static_cast<double>(sysconf(_SC_CLK_TCK));
  const auto times = read_cpu_times({0, 1}, name);
  ASSERT_TRUE(times);
  EXPECT_DOUBLE_EQ(times->all_s, 360 * tick_s) << "neither idle nor stolen time, no other CPU";
  EXPECT_EQ(read_cpu_times({0, 2}, name), std::nullopt) << "a CPU that the file does not show";
  EXPECT_EQ(read_cpu_times({0}, name + "-none"), std::nullopt);
  std::filesystem::remove(name);
}

TEST(UsableCpus, AreThoseOfTheQuotaRoundedDown) {
  EXPECT_EQ(usable_cpus(8, std::nullopt), 8);
  EXPECT_EQ(usable_cpus(8, 2.5), 2);
  EXPECT_EQ(usable_cpus(8, 3.0), 3);
  EXPECT_EQ(usable_cpus(8, 0.5), 1);
  EXPECT_EQ(usable_cpus(2, 16.0), 2) << "affinity leaves less";
  EXPECT_EQ(usable_cpus(0, std::nullopt), 1);
  EXPECT_GE(usable_cpus(), 1);
  EXPECT_LE(usable_cpus(), std::max<std::int32_t>(1, static_cast<std::int32_t>(allowed_cpus().size())));
}

}  // namespace
}  // namespace inferbench
