// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>

#include "measure/affinity.hpp"
#include "measure/host_state.hpp"

namespace inferbench {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

HostState quiet_host() {
  HostState state;
  state.usable_cpus = 8;
  state.threads = 4;
  state.load = 0.3;
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
  state.load = 5;
  EXPECT_THAT(warnings_of(state), ElementsAre(HasSubstr("of 8 CPUs too few are free for 4 threads")));
  state.load = 2;
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
  const HostState state = read_host_state(1);
  EXPECT_EQ(state.usable_cpus, static_cast<std::int32_t>(allowed_cpus().size()));
  EXPECT_EQ(state.threads, 1);
  EXPECT_FALSE(state.siblings_share_core);
}

}  // namespace
}  // namespace inferbench
