// SPDX-License-Identifier: Apache-2.0
// `inferbench ops` as a user runs it: the table, JSON, invalid input, and operators that misbehave.
#include <gmock/gmock.h>

#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>
#include <string>

#include "support/program.hpp"
#include "support/test_paths.hpp"

namespace inferbench {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

std::size_t columns(const std::string& line) {  // counts code points
  std::size_t n = 0;
  for (const char c : line) n += (static_cast<unsigned char>(c) & 0xC0U) != 0x80U ? 1 : 0;
  return n;
}

void expect_narrow(const std::string& text) {
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) EXPECT_LE(columns(line), 100U) << line;
}

const std::vector<std::string> kQuick{"--threads", "1", "--blocks", "3", "--sample-ms", "1"};

std::vector<std::string> quick(std::vector<std::string> arguments) {
  arguments.insert(arguments.begin(), "ops");
  arguments.insert(arguments.end(), kQuick.begin(), kQuick.end());
  return arguments;
}

TEST(Ops, ATableForEachOperatorWithContendersSideBySide) {
  const auto result = run_program(quick({"--backend", "cpu_ref", "--backend", "cpu_quant:int8", "--backend", "null",
                                         "--op", "linear", "--op", "softmax", "--shape", "rows=2", "--tokens", "2"}));
  ASSERT_EQ(result.exit_code, 0) << result.err;
  expect_narrow(result.out);
  EXPECT_THAT(result.out,
              AllOf(HasSubstr("linear rows=2 in=768 out=3072   threads 1, weights cold"),
                    HasSubstr("softmax rows=2 width=1024   threads 1\n"), HasSubstr("speed vs cpu_ref:fp32"),
                    HasSubstr("GFLOP/s"), HasSubstr("of 2e-05"), HasSubstr("of 2e-01"), HasSubstr("unsupported: "),
                    HasSubstr("softmax is a part of attention here"), HasSubstr("it offers no single operators")));
  EXPECT_THAT(result.err, HasSubstr("[1/2] linear rows=2 in=768 out=3072"));
}

TEST(Ops, JsonHasEverySampleAndTheLimit) {
  const auto result = run_program(quick({"--backend", "cpu_ref", "--backend", "cpu_quant:int4", "--op", "linear",
                                         "--shape", "rows=1,in=256,out=[64,128]", "--json"}));
  ASSERT_EQ(result.exit_code, 0) << result.err;
  const auto json = nlohmann::json::parse(result.out);
  EXPECT_EQ(json["measure"]["cache"], "cold");
  EXPECT_GT(json["machine"]["by_threads"].size(), 0U) << json["machine"].dump();
  ASSERT_EQ(json["points"].size(), 2U);
  const auto& point = json["points"][1];
  EXPECT_EQ(point["op"], "linear");
  EXPECT_EQ(point["shape"]["out"], 128);
  EXPECT_EQ(point["flops"], 2.0 * 256 * 128);
  ASSERT_EQ(point["contenders"].size(), 2U);
  for (const auto& row : point["contenders"]) {
    EXPECT_EQ(row["status"], "ok");
    std::size_t n_counted = 0;  // rows of disturbed measurements that were repeated are there, too
    for (const auto& sample : row["samples"]) n_counted += sample["counted"].get<bool>() ? 1U : 0U;
    EXPECT_EQ(n_counted, 3U);
    EXPECT_LE(row["samples"].size(), 3U * 2) << "repeat_disturbed is 1";
    EXPECT_GT(row["run_us"]["median"].get<double>(), 0);
    EXPECT_GT(row["copies"].get<int>(), 1);
    EXPECT_GT(row["share_of_limit"].get<double>(), 0);
    EXPECT_LE(row["max_error"].get<double>(), row["tolerance"].get<double>());
    EXPECT_GT(row["weights_bytes"].get<int>(), 256 * 128 / 2);
  }
  EXPECT_FALSE(point["contenders"][0].contains("speed_ratio")) << "the baseline";
  EXPECT_EQ(point["contenders"][1]["speed_ratio"]["pairs"], 3);
}

class OpsOfAFile : public testing::Test {
 protected:
  void SetUp() override {
    folder_ = std::filesystem::path(test_paths::kBinaryDir) / "ops_command_files";
    std::filesystem::create_directories(folder_);
  }
  std::string write(const std::string& text) const {
    const std::filesystem::path path = folder_ / "ops.yaml";
    std::ofstream(path) << text;
    return path.string();
  }
  std::filesystem::path folder_;
};

TEST_F(OpsOfAFile, RunsAndTheCommandLineGoesFirst) {
  const std::string file = write(
      "backends: [cpu_ref]\nops: [{op: activation, shape: {rows: 3, width: 10, activation: [relu, gelu]}}]\n"
      "threads: 1\nmeasure: {blocks: 2, sample_ms: 1, cache: hot}\n");
  const auto result = run_program({"ops", file, "--blocks", "4", "--no-limits"});
  ASSERT_EQ(result.exit_code, 0) << result.err;
  EXPECT_THAT(result.out,
              AllOf(HasSubstr("activation rows=3 width=10 activation=relu   threads 1"), HasSubstr("4 blocks"),
                    HasSubstr("activation rows=3 width=10 activation=gelu   threads 1")));
}

TEST_F(OpsOfAFile, AMistakeIsOneLineWithItsPlace) {
  const auto result = run_program({"ops", write("backends: [cpu_ref]\nops:\n  - {op: linear, shape: {row: 3}}\n")});
  EXPECT_EQ(result.exit_code, 2);
  EXPECT_THAT(result.err, HasSubstr("ops.yaml:3:26: ops.shape: linear has no 'row'; did you mean 'rows'?"));
  EXPECT_EQ(result.out, "");
}

TEST(Ops, MistakesOnTheCommandLine) {
  const auto none = run_program({"ops"});
  EXPECT_EQ(none.exit_code, 2);
  EXPECT_THAT(none.err, HasSubstr("neither an experiment nor a --backend is given"));
  const auto op = run_program({"ops", "--backend", "cpu_ref", "--op", "lineal"});
  EXPECT_EQ(op.exit_code, 2);
  EXPECT_THAT(op.err, HasSubstr("unknown operator 'lineal'; did you mean 'linear'?"));
  const auto backend = run_program({"ops", "--backend", "cpu_reff"});
  EXPECT_EQ(backend.exit_code, 2);
  EXPECT_THAT(backend.err, HasSubstr("did you mean 'cpu_ref'"));
}

ProgramResult run_faulty(const std::string& fault) {
  const std::filesystem::path file = std::filesystem::path(test_paths::kBinaryDir) / ("ops_" + fault + ".yaml");
  std::ofstream(file) << "backends: [cpu_ref, {plugin: wrong_operators, options: {fault: " << fault << "}}]\n"
                      << "ops: [{op: activation, shape: {rows: 2, width: 8, activation: relu}}]\nthreads: 1\n"
                      << "measure: {blocks: 2, sample_ms: 1}\n";
  return run_program({"ops", file.string(), "--no-limits", "--plugin-dir", INFERBENCH_FAULTY_DIR});
}

TEST(Ops, AnOperatorThatIsRightIsTimed) {
  const auto result = run_faulty("none");
  EXPECT_EQ(result.exit_code, 0) << result.out << result.err;
  EXPECT_THAT(result.out, Not(HasSubstr("wrong_output")));
}

TEST(Ops, AWrongResultIsWrongOutputAndTheOthersGoOn) {
  const auto result = run_faulty("wrong");
  EXPECT_EQ(result.exit_code, 3);
  expect_narrow(result.out);
  EXPECT_THAT(result.out,
              AllOf(HasSubstr("cpu_ref:fp32"), HasSubstr("baseline"), HasSubstr("wrong_output: largest error")));
  const auto later = run_faulty("later");
  EXPECT_EQ(later.exit_code, 3);
  EXPECT_THAT(later.out, HasSubstr("wrong_output: a later run's result differs from the first by"));
}

TEST(Ops, ACrashIsARow) {
  const auto result = run_faulty("abort");
  EXPECT_EQ(result.exit_code, 3);
  EXPECT_THAT(result.out, AllOf(HasSubstr("crashed: the worker was killed by signal 6"), HasSubstr("baseline")));
  const auto failed = run_faulty("fail");
  EXPECT_EQ(failed.exit_code, 3);
  EXPECT_THAT(failed.out, HasSubstr("run: the device left"));
}

}  // namespace
}  // namespace inferbench
