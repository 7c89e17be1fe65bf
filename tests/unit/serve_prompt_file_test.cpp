// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "serve/prompt_file.hpp"
#include "serve/request_plan.hpp"
#include "support/error.hpp"

namespace inferbench {
namespace {

using testing::HasSubstr;

class PromptFile : public testing::Test {
 protected:
  std::vector<PromptText> read(const std::string& name, const std::string& text, std::size_t limit = 100) const {
    std::ofstream(folder_ / name) << text;
    return read_prompt_file(folder_ / name, limit);
  }

  std::string problem_of(const std::string& name, const std::string& text) const {
    try {
      read(name, text);
    } catch (const Error& error) {
      EXPECT_FALSE(error.cure().empty());
      return error.what();
    }
    return "no error";
  }

  void SetUp() override { std::filesystem::create_directories(folder_); }
  void TearDown() override { std::filesystem::remove_all(folder_); }

  const std::filesystem::path folder_ =
      std::filesystem::path(testing::TempDir()) / fmt::format("prompt_file_{}", getpid());
};

TEST_F(PromptFile, ATextHasAPromptOnEachLine) {
  const auto prompts = read("p.txt", "one\r\n\ntwo and more\nthree", 2);
  ASSERT_EQ(prompts.size(), 2U);
  EXPECT_EQ(prompts[0].prompt, "one");
  EXPECT_EQ(prompts[1].prompt, "two and more");
  EXPECT_EQ(prompts[1].answer, "");
}

TEST_F(PromptFile, AConversationCountsWithItsFirstTwoTurns) {
  const auto prompts = read("s.json", R"([
    {"id": "a", "more": {"conversations": [{"value": "no"}]}, "conversations": [
      {"from": "human", "value": "hello", "extra": {"value": "x"}}, {"from": "gpt", "value": "hi"},
      {"from": "human", "value": "again"}], "tags": [1, 2.5, null, true]},
    {"id": "b", "conversations": [{"from": "human", "value": "alone"}]},
    {"id": "c", "conversations": []},
    {"messages": [{"role": "user", "content": "q"}, {"role": "assistant", "content": "a"}]}])");
  ASSERT_EQ(prompts.size(), 2U);
  EXPECT_EQ(prompts[0].prompt, "hello");
  EXPECT_EQ(prompts[0].answer, "hi");
  EXPECT_EQ(prompts[1].prompt, "q");
  EXPECT_EQ(prompts[1].answer, "a");
}

TEST_F(PromptFile, IsReadOnlyAsFarAsNeeded) {
  const std::string one = R"({"conversations": [{"value": "q"}, {"value": "a"}]})";
  EXPECT_EQ(read("s.json", "[" + one + "," + one + ", broken", 2).size(), 2U);
}

TEST_F(PromptFile, MistakesAreNamed) {
  EXPECT_THAT(problem_of("s.json", "[{]"), HasSubstr("s.json: "));
  EXPECT_THAT(problem_of("s.json", "{}"), HasSubstr("not a list of conversations"));
  EXPECT_THAT(problem_of("s.json", "[1, [], {\"conversations\": 3}]"), HasSubstr("has no prompt"));
  EXPECT_THAT(problem_of("p.txt", "\n\n"), HasSubstr("has no prompt"));
  EXPECT_THROW(read_prompt_file(folder_ / "missing.txt", 1), Error);
  EXPECT_THROW(read_prompt_file(folder_, 1), Error);
}

TEST(RequestPlan, SamplesKeepPromptAndAnswerTogether) {
  RequestMix mix;
  mix.requests = 1000;
  mix.output = LengthDistribution::fixed(9);
  mix.samples = {{10, 1}, {20, 2}, {30, 0}};
  std::size_t seen = 0;
  for (const PlannedRequest& request : plan_requests({}, mix, {}, 3)) {
    EXPECT_EQ(request.output_tokens, request.prompt_tokens == 30 ? 9 : request.prompt_tokens / 10);
    seen |= std::size_t{1} << static_cast<std::size_t>(request.prompt_tokens / 10);
  }
  EXPECT_EQ(seen, 0b1110U);
}

}  // namespace
}  // namespace inferbench
