// SPDX-License-Identifier: Apache-2.0
#include "report/profile_table.hpp"

#include <gmock/gmock.h>

#include <algorithm>
#include <sstream>

namespace inferbench {
namespace {

using testing::HasSubstr;

constexpr std::uint64_t kMs = 1'000'000;

ThreadLimits limits() {
  ThreadLimits limits;
  limits.threads = 2;
  limits.read = {{16U << 20U, {100e9, 90e9, "plain"}}, {512U << 20U, {40e9, 38e9, "plain"}}};
  limits.fp32_flops_per_s = {200e9, 199e9, "avx2"};
  limits.int8_ops_per_s = {800e9, 790e9, "avx2"};
  return limits;
}

// One prefill call of 4 ms on each of two threads, then two decode calls; half a millisecond is not attributed.
TrialOutcome profiled() {
  TrialOutcome outcome;
  outcome.metrics.emplace();
  outcome.metrics->ttft_ms = 4.5;
  outcome.metrics->e2e_ms = 8.5;
  outcome.submit_ns = 1000 * kMs;
  const std::uint64_t zero = outcome.submit_ns;
  for (std::int32_t thread = 0; thread < 2; ++thread) {
    outcome.profile.push_back({"mlp", 0, thread, zero, zero + 4 * kMs, 40'000'000, 160'000'000});
    outcome.profile.push_back({"mlp", 0, thread, zero + 5 * kMs, zero + 6 * kMs, 20'000'000, 40'000});
    outcome.profile.push_back({"head", -1, thread, zero + 6 * kMs, zero + 8 * kMs, 20'000'000, 40'000});
  }
  return outcome;
}

TEST(ProfileTable, TheFloorIsOfThePrecisionsArithmeticAndTheWeightsSize) {
  const MachineFloor wide = machine_floor(limits(), precision_meaning("fp32"), 500U << 20U);
  EXPECT_EQ(wide.read_bytes_per_s, 40e9);
  EXPECT_EQ(wide.flops_per_s, 200e9);
  const MachineFloor narrow = machine_floor(limits(), precision_meaning("int4"), 10U << 20U);
  EXPECT_EQ(narrow.read_bytes_per_s, 100e9);
  EXPECT_EQ(narrow.flops_per_s, 800e9);
  const MachineFloor unknown = machine_floor({}, precision_meaning("fp32"), 0);
  EXPECT_EQ(unknown.read_bytes_per_s, std::nullopt);
  EXPECT_EQ(unknown.flops_per_s, std::nullopt);
}

TEST(ProfileTable, PhasesAreSummedOverThreadsAndComparedWithTheirFloor) {
  const auto phases = profile_phases(profiled(), 2, machine_floor(limits(), precision_meaning("fp32"), 500U << 20U));
  ASSERT_EQ(phases.size(), 2U);
  ASSERT_EQ(phases[0].operations.size(), 1U);
  const OperationProfile& prefill = phases[0].operations[0];
  EXPECT_DOUBLE_EQ(prefill.ms, 4);
  EXPECT_EQ(prefill.calls, 1U);
  EXPECT_EQ(prefill.bytes, 80'000'000U);
  EXPECT_DOUBLE_EQ(prefill.floor_ms.value(), 2);  // 80 MB at 40 GB/s; its 320 MFLOP would take 1.6 ms
  ASSERT_EQ(phases[1].operations.size(), 2U);
  EXPECT_EQ(phases[1].operations[0].operation, "head");  // ordered by time, longest first
  EXPECT_DOUBLE_EQ(phases[1].operations[0].ms, 2);
  EXPECT_DOUBLE_EQ(phases[1].operations[0].floor_ms.value(), 1);
  EXPECT_DOUBLE_EQ(phases[1].wall_ms, 4);
}

TEST(ProfileTable, ArithmeticIsTheFloorWhereItTakesLonger) {
  const auto phases = profile_phases(profiled(), 2, {{}, 100e9});
  EXPECT_DOUBLE_EQ(phases[0].operations[0].floor_ms.value(), 3.2);
}

TEST(ProfileTable, SaysHowManyTimesTheFloorEachOperationTakes) {
  const std::string table =
      profile_table(profile_phases(profiled(), 2, machine_floor(limits(), precision_meaning("fp32"), 1U << 30U)));
  std::istringstream lines(table);
  std::string line;
  for (std::getline(lines, line); line.find("mlp") == std::string::npos; std::getline(lines, line)) {
  }
  EXPECT_THAT(line, HasSubstr("2.00x")) << table;
  EXPECT_THAT(table, HasSubstr("(outside operations)"));
  std::istringstream all(table);
  while (std::getline(all, line)) EXPECT_LE(line.size(), 100U) << line;
}

TEST(ProfileTable, WithoutLimitsThereIsNoFloor) {
  const auto phases = profile_phases(profiled(), 2, {});
  EXPECT_EQ(phases[0].operations[0].floor_ms, std::nullopt);
}

}  // namespace
}  // namespace inferbench
