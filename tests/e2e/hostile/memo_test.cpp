// SPDX-License-Identifier: Apache-2.0
// A backend that remembers prompts gains nothing, because no measured prompt was seen before in its process.
// Conformance finds what it remembers.
#include <gmock/gmock.h>

#include "e2e/hostile/hostile_fixture.hpp"

namespace inferbench::test {
namespace {

using testing::HasSubstr;
using testing::Not;

constexpr double kMsPerToken = 0.5;
constexpr const char* kSpin = "spin_us: 500";

class MemoTest : public HostileTest {
 protected:
  // Every token of every row was computed; the memo saved nothing.
  void expect_computed(const std::string& contender) const {
    const std::vector<TrialRecord> rows = rows_of(contender);
    ASSERT_FALSE(rows.empty());
    for (const TrialRecord& row : rows) {
      ASSERT_TRUE(row.ok()) << row.id << ": " << row.outcome.error;
      EXPECT_GE(row.outcome.metrics->ttft_ms, kMsPerToken * row.point.batch * row.point.prompt_tokens)
          << row.id << " attempt " << row.attempt;
    }
  }

  std::string experiment(const std::string& fault, const std::string& rest) const {
    return write_experiment(hostile("toy", "toy", kSpin) + hostile("memo", "memo", fmt::format("{}, {}", kSpin, fault)),
                            "baseline: toy\n" + rest);
  }
};

TEST_F(MemoTest, AWarmUpDoesNotShowWhatIsMeasuredThen) {
  const std::string yaml = experiment("fault: beginnings", "measure: {blocks: 4, warmup: 1}");
  ASSERT_EQ(run_program_in(folder(), {"run", yaml}).exit_code, 0);
  expect_computed("memo");
}

TEST_F(MemoTest, NorDoesAPromptOfOneToken) {
  const std::string yaml = experiment("fault: ''", "measure: {blocks: 4, warmup: 2}");
  ASSERT_EQ(run_program_in(folder(), {"run", yaml, "--set", "sweep.prompt_tokens=[1]", "--set", "sweep.batch=[16]"})
                .exit_code,
            0);
  expect_computed("memo");
}

TEST_F(MemoTest, NorDoAKeptProcessAndItsOtherPoints) {
  const std::string yaml = experiment("fault: beginnings", "measure: {blocks: 4, warmup: 1, fresh_processes: false}");
  ASSERT_EQ(run_program_in(folder(), {"run", yaml}).exit_code, 0);
  expect_computed("memo");
}

class HiddenReuse : public testing::TestWithParam<const char*> {};

TEST_P(HiddenReuse, IsFound) {
  const auto result = run_program({"conformance", hostile_plugin("memo").string(), "--rule", "reuse", "--option",
                                   "spin_us=40", "--option", std::string("fault=") + GetParam()});
  EXPECT_EQ(result.exit_code, 1) << result.out << result.err;
  EXPECT_THAT(result.out, HasSubstr("results are reused"));
}

INSTANTIATE_TEST_SUITE_P(Kinds, HiddenReuse, testing::Values("", "beginnings", "session"));

TEST(HiddenReuseRule, LeavesOthersAlone) {
  for (const char* backend : {"cpu_ref", "toy"}) {
    const bool is_toy = std::string(backend) == "toy";
    std::vector<std::string> arguments{"conformance", is_toy ? hostile_plugin("toy").string() : backend, "--rule",
                                       "reuse"};
    if (is_toy) arguments.insert(arguments.end(), {"--option", "spin_us=40"});
    const auto result = run_program(arguments);
    EXPECT_EQ(result.exit_code, 0) << result.out << result.err;
  }
  const auto declared = run_program({"conformance", hostile_plugin("declared_memo").string(), "--rule", "reuse"});
  EXPECT_EQ(declared.exit_code, 0);
  EXPECT_THAT(declared.out, HasSubstr("the table declares a prompt cache"));
}

TEST_F(MemoTest, ADeclaredCacheIsSaid) {
  const std::string yaml = write_experiment(hostile("toy", "toy") + hostile("declared_memo", "caching"),
                                            "baseline: toy\nmeasure: {blocks: 2, warmup: 1}");
  const auto result = run_program_in(folder(), {"run", yaml});
  EXPECT_EQ(result.exit_code, 0) << result.err;
  EXPECT_THAT(result.out, HasSubstr("note: caching declares a prompt cache"));
  EXPECT_THAT(result.out, Not(HasSubstr("toy declares")));
  EXPECT_TRUE(read_run(only_run_folder()).info.plugins[1].prompt_cache);
}

}  // namespace
}  // namespace inferbench::test
