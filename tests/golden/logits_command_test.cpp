// SPDX-License-Identifier: Apache-2.0
// `inferbench logits` as a user runs it: the golden logits in a file, and one clear error for each invalid input.
#include <gmock/gmock.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>

#include "golden/fixture.hpp"
#include "golden/judge.hpp"
#include "model/safetensors_file.hpp"
#include "support/program.hpp"
#include "support/test_paths.hpp"

namespace inferbench::golden {
namespace {

using testing::HasSubstr;

class LogitsCommand : public testing::Test {
 protected:
  void SetUp() override {
    const std::string name = testing::UnitTest::GetInstance()->current_test_info()->name();
    folder_ = std::filesystem::path(test_paths::kBinaryDir) / ("logits_" + name);
    std::filesystem::remove_all(folder_);
    std::filesystem::create_directories(folder_);
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }

  ProgramResult run(const std::string& tokens, std::vector<std::string> more = {}, const std::string& model = "tiny") {
    std::ofstream(folder_ / "tokens.json") << tokens;
    std::vector<std::string> arguments = {"logits", "--out", out().string(), "--plugin-dir", test_paths::kPlugins};
    arguments.insert(arguments.end(), more.begin(), more.end());
    const std::vector<std::pair<std::string, std::string>> defaults = {
        {"--backend", "cpu_ref"},
        {"--model", std::string(test_paths::kData) + "/" + model},
        {"--tokens", (folder_ / "tokens.json").string()}};
    for (const auto& [flag, value] : defaults) {
      if (std::find(more.begin(), more.end(), flag) == more.end()) arguments.insert(arguments.end(), {flag, value});
    }
    return run_program(arguments);
  }

  std::filesystem::path out() const { return folder_ / "out.safetensors"; }

  // Expects exit code 2 and these words, and that nothing was written.
  void expect_refused(const std::string& tokens, const std::string& words, std::vector<std::string> more = {}) {
    const ProgramResult result = run(tokens, std::move(more));
    EXPECT_EQ(result.exit_code, 2) << tokens;
    EXPECT_THAT(result.err, HasSubstr(words)) << tokens;
    EXPECT_THAT(result.err, HasSubstr("hint:")) << tokens;
    EXPECT_EQ(result.out, "");
    EXPECT_FALSE(std::filesystem::exists(out()));
  }

  std::filesystem::path folder_;
};

TEST_F(LogitsCommand, WritesEveryCase) {
  nlohmann::json tokens = nlohmann::json::array();
  const auto cases = read_cases("tiny");
  for (const Case& one : cases) tokens.push_back(one.input_ids);
  const ProgramResult result = run(tokens.dump(), {"--threads", "2", "--option", "isa=generic"});
  ASSERT_EQ(result.exit_code, 0) << result.err;
  EXPECT_EQ(result.out, "");
  const auto file = SafetensorsFile::open(out());
  EXPECT_EQ(file.tensors().size(), cases.size());
  for (std::size_t j = 0; j < cases.size(); ++j) {
    const std::string name = "case" + std::to_string(j) + ".logits";
    ASSERT_NE(file.find(name), nullptr) << name;
    EXPECT_EQ(file.find(name)->shape, (std::vector<std::uint64_t>{cases[j].input_ids.size(), 257}));
    EXPECT_LE(distance(cases[j].logits, file.read_f32(name), 257).deviation, 1e-4) << name;
  }
}

TEST_F(LogitsCommand, TakesOneFlatArray) {
  const Case one = read_cases("shakespeare").front();
  const ProgramResult result = run(nlohmann::json(one.input_ids).dump(), {}, "shakespeare");
  ASSERT_EQ(result.exit_code, 0) << result.err;
  EXPECT_LE(distance(one.logits, SafetensorsFile::open(out()).read_f32("case0.logits"), 1024).deviation, 1e-4);
}

TEST_F(LogitsCommand, RefusesWhatIsNotTokenIds) {
  expect_refused("[1, 2", "is not JSON");
  expect_refused("", "is not JSON");
  expect_refused("{\"a\": 1}", "found object");
  expect_refused("7", "found number");
  expect_refused("[]", "the array of token ids is empty");
  expect_refused("[[1, 2], []]", "case 1");
  expect_refused("[[1, 2], 3]", "case 1");
  expect_refused("[1, 2.5]", "2.5 at index 1");
  expect_refused("[1, \"2\"]", "at index 1");
  expect_refused("[1, null]", "null at index 1");
  expect_refused("[-1]", "-1 at index 0");
  expect_refused("[0, 257]", "257 at index 1");
  expect_refused("[18446744073709551615]", "18446744073709551615 at index 0");
  expect_refused("[[[1]]]", "case 0");
}

TEST_F(LogitsCommand, RefusesMoreThanTheContext) {
  expect_refused(nlohmann::json(std::vector<int>(129, 1)).dump(), "context of 128");
  EXPECT_EQ(run(nlohmann::json(std::vector<int>(128, 1)).dump()).exit_code, 0);
}

TEST_F(LogitsCommand, RefusesWrongUse) {
  expect_refused("[1]", "no precision 'int3'", {"--backend", "cpu_ref:int3"});
  expect_refused("[1]", "KEY=VALUE", {"--option", "isa"});
  expect_refused("[1]", "isa", {"--option", "isa=neon"});
  expect_refused("[1]", "cannot be read", {"--tokens", (folder_ / "missing.json").string()});
  expect_refused("[1]", "cannot be read", {"--tokens", folder_.string()});
}

}  // namespace
}  // namespace inferbench::golden
