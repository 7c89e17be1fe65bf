// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>

#include <nlohmann/json.hpp>

#include "support/program.hpp"

namespace inferbench {
namespace {

using testing::AllOf;
using testing::HasSubstr;

TEST(Machine, PrintsATableAndItsProgress) {
  const auto result = run_program({"machine", "--quick", "--threads", "1"});
  ASSERT_EQ(result.exit_code, 0) << result.err;
  EXPECT_THAT(result.out, AllOf(HasSubstr("read 512 MiB"), HasSubstr("GFLOP/s"), HasSubstr("a clock reading costs")));
  EXPECT_THAT(result.err, AllOf(HasSubstr("fp32 peak, 1 thread"), HasSubstr("reading 512 MiB, 1 thread")));
}

TEST(Machine, PrintsJsonWithTheBufferAskedFor) {
  const auto result = run_program({"machine", "--quick", "--threads", "1", "--buffer", "7", "--json"});
  ASSERT_EQ(result.exit_code, 0) << result.err;
  const auto json = nlohmann::json::parse(result.out);
  ASSERT_EQ(json["by_threads"].size(), 1U);
  const auto& here = json["by_threads"][0];
  EXPECT_EQ(here["threads"], 1);
  EXPECT_EQ(here["read"][0]["buffer_bytes"], 7U << 20U);
  EXPECT_GT(here["read"][0]["bytes_per_s"]["best"].get<double>(), 0);
  EXPECT_GT(here["fp32_flops_per_s"]["best"].get<double>(), 0);
  EXPECT_GT(here["int8_ops_per_s"]["best"].get<double>(), 0);
}

TEST(Machine, MistakesAreNamedAndExitWithTwo) {
  const auto threads = run_program({"machine", "--threads", "1024"});
  EXPECT_EQ(threads.exit_code, 2);
  EXPECT_THAT(threads.err, HasSubstr("1024 threads"));
  EXPECT_EQ(threads.out, "");
  EXPECT_EQ(run_program({"machine", "--buffer", "0"}).exit_code, 2);
}

}  // namespace
}  // namespace inferbench
