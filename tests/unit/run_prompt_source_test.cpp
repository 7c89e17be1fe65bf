// SPDX-License-Identifier: Apache-2.0
// The prompts of a process: never the same twice, and the same on every machine.
#include <gmock/gmock.h>

#include <algorithm>
#include <fstream>
#include <set>
#include <utility>

#include "run/prompt_source.hpp"
#include "support/test_paths.hpp"
#include "unit/results_fixture.hpp"

namespace inferbench {
namespace {

using test::TemporaryFolder;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

Experiment experiment_of(const std::string& model, std::int32_t vocab, std::int32_t prompt, std::int32_t batch) {
  Experiment experiment;
  experiment.contenders = {{"base", "cpu_ref", "fp32", {}}};
  experiment.models = {model};
  experiment.points = {{model, prompt, 4, batch, 1}};
  ModelFacts facts;
  facts.reference = model;
  facts.config.vocab_size = vocab;
  experiment.model_facts = {facts};
  experiment.measure.blocks = 5;
  experiment.measure.warmup = 2;
  experiment.measure.repeat_disturbed = 2;
  return experiment;
}

using Prompt = std::vector<std::int32_t>;

// Every sequence that the process of `block` may run: its first one, and all attempts.
std::vector<Prompt> prompts_of_process(const Experiment& experiment, std::int32_t block) {
  const PromptSource source(experiment);
  const PlannedTrial trial = plan_block(experiment, 0, block).front();
  std::vector<std::uint64_t> streams;
  if (block == 0) {
    for (const PlannedTrial& warm_up : plan_warmups(experiment, 0)) streams.push_back(warm_up.prompt_stream);
  } else {
    streams.push_back(warm_up_stream(experiment, trial));
  }
  for (std::int32_t attempt = 0; attempt <= experiment.measure.repeat_disturbed; ++attempt) {
    streams.push_back(attempt_stream(experiment, trial, attempt));
  }
  std::vector<Prompt> found;
  const auto length = experiment.points[0].prompt_tokens;
  for (const std::uint64_t stream : streams) {
    const Prompt all = source.prompts_for(0, stream);
    for (auto at = all.begin(); at != all.end(); at += length) found.emplace_back(at, at + length);
  }
  return found;
}

std::size_t different_beginnings(const std::vector<Prompt>& prompts, std::ptrdiff_t length) {
  std::set<Prompt> seen;
  for (const Prompt& prompt : prompts) seen.emplace(prompt.begin(), prompt.begin() + length);
  return seen.size();
}

TEST(PromptSource, RandomPromptsOfAProcessDifferFromTheirFirstToken) {
  for (const std::int32_t length : {1, 2, 32}) {
    const Experiment experiment = experiment_of("m", 257, length, 40);
    for (std::int32_t block = 0; block < 5; ++block) {
      const auto prompts = prompts_of_process(experiment, block);
      ASSERT_GE(prompts.size(), 160U);
      EXPECT_EQ(different_beginnings(prompts, 1), prompts.size()) << length << " " << block;
      for (const Prompt& prompt : prompts) {
        EXPECT_TRUE(std::all_of(prompt.begin(), prompt.end(), [](auto id) { return id >= 0 && id < 257; }));
      }
    }
    EXPECT_THAT(PromptSource(experiment).notes(), IsEmpty());
  }
}

TEST(PromptSource, MorePromptsThanTokensDifferInTheirSecond) {
  const Experiment experiment = experiment_of("m", 11, 2, 20);
  for (std::int32_t block = 0; block < 5; ++block) {
    const auto prompts = prompts_of_process(experiment, block);
    EXPECT_EQ(different_beginnings(prompts, 2), prompts.size()) << block;
  }
  EXPECT_THAT(PromptSource(experiment).notes(), IsEmpty());
}

Prompt part(const Prompt& ids, std::size_t begin, std::size_t n) {
  return {ids.begin() + static_cast<std::ptrdiff_t>(begin), ids.begin() + static_cast<std::ptrdiff_t>(begin + n)};
}

TEST(PromptSource, APastGoesBeforeThePromptOfTheSameStream) {
  Experiment with_past = experiment_of("m", 1000, 3, 2);
  with_past.points.front().past_tokens = 5;
  const Experiment longer = experiment_of("m", 1000, 8, 2);
  const std::uint64_t stream = plan_block(longer, 0, 1).front().prompt_stream;
  EXPECT_EQ(PromptSource(with_past).prompts_for(0, stream), PromptSource(longer).prompts_for(0, stream));
}

TEST(PromptSource, ASharedPrefixIsTheSameInEveryTrialAndSequenceAndNothingElseIs) {
  Experiment experiment = experiment_of("m", 1000, 8, 2);
  experiment.points = {{"m", 8, 1, 2, 1, 0, 5}, {"m", 8, 1, 2, 1, 0, 3}, {"m", 4, 1, 2, 1, 4, 5}};
  const PromptSource source(experiment);
  const Prompt prefix = part(source.prompts_for(0, plan_block(experiment, 0, 0).front().prompt_stream), 0, 5);
  std::set<std::int32_t> behind;
  for (const auto& [point, shared] : {std::pair{0, 5U}, {1, 3U}, {2, 5U}}) {
    for (const std::int32_t block : {0, 1}) {
      const Prompt ids = source.prompts_for(point, plan_block(experiment, point, block).front().prompt_stream);
      ASSERT_EQ(ids.size(), 16U);
      for (const std::size_t row : {0U, 1U}) {
        EXPECT_EQ(part(ids, row * 8, shared), part(prefix, 0, shared));
        behind.insert(ids[row * 8 + shared]);
      }
    }
  }
  EXPECT_EQ(behind.size(), 3U * 2U * 2U);  // the token after the prefix differs in each
  Experiment other = experiment;
  other.prompts.seed = 1;
  EXPECT_NE(part(PromptSource(other).prompts_for(0, plan_block(other, 0, 0).front().prompt_stream), 0, 5), prefix);
}

TEST(PromptSource, SaysWhereTokensAreTooFew) {
  const Experiment experiment = experiment_of("m", 11, 1, 20);
  EXPECT_THAT(PromptSource(experiment).notes(),
              ElementsAre(HasSubstr(
                  "m: prompts repeat: only 11 different prompts of 1 token exist, and a process runs up to 120")));
}

// Fixed expectations, because a resumed run, or another machine, must use the same prompts.
TEST(PromptSource, ThePromptsAreTheSameEverywhere) {
  const Experiment experiment = experiment_of("m", 1000, 3, 2);
  const PromptSource source(experiment);
  const std::uint64_t first = plan_block(experiment, 0, 0).front().prompt_stream;
  EXPECT_THAT(source.prompts_for(0, first), ElementsAre(11, 683, 641, 630, 633, 525));
  Experiment kept = experiment;
  kept.measure.blocks = 9;
  EXPECT_EQ(PromptSource(kept).prompts_for(0, first), source.prompts_for(0, first));
}

class PromptFileTest : public testing::Test {
 protected:
  Experiment with_text(const std::string& text, std::int32_t prompt, std::int32_t batch) const {
    const auto file = folder_.path() / "text.txt";
    std::ofstream(file) << text;
    Experiment experiment = experiment_of(std::string(test_paths::kData) + "/shakespeare", 0, prompt, batch);
    experiment.prompts.file = file;
    return experiment;
  }

 private:
  TemporaryFolder folder_;
};

TEST_F(PromptFileTest, WindowsOfAProcessDiffer) {
  std::string text;
  for (int i = 0; i < 300; ++i) {
    text += "word " + std::to_string(i * i) + ", again again " + static_cast<char>('a' + i % 26) + ". ";
  }
  for (const std::int32_t length : {1, 4, 64}) {
    const Experiment experiment = with_text(text, length, 3);
    EXPECT_THAT(PromptSource(experiment).notes(), IsEmpty());
    for (std::int32_t block = 0; block < 5; ++block) {
      const auto prompts = prompts_of_process(experiment, block);
      EXPECT_EQ(different_beginnings(prompts, length), prompts.size()) << length << " " << block;
    }
  }
}

TEST_F(PromptFileTest, SaysWhereTheTextRepeatsItself) {
  std::string text;
  for (int i = 0; i < 100; ++i) text += "the same again and ";
  EXPECT_THAT(PromptSource(with_text(text, 8, 3)).notes(),
              ElementsAre(HasSubstr("different prompts of 8 tokens exist")));
}

}  // namespace
}  // namespace inferbench
