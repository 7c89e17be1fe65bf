// SPDX-License-Identifier: Apache-2.0
// Which ids trials feed: of their own stream, behind a past, after a shared prefix.
#include <gmock/gmock.h>

#include "model/synthetic_formula.hpp"
#include "worker/prompt_source.hpp"

namespace inferbench {
namespace {

using Ids = std::vector<std::int32_t>;

Experiment experiment_of(const std::vector<Point>& points) {
  Experiment experiment;
  experiment.contenders = {{"a", "cpu_ref", "fp32", {}}};
  experiment.points = points;
  experiment.models = {"m"};
  ModelFacts facts;
  facts.reference = "m";
  facts.config.vocab = 1000;
  experiment.model_facts = {facts};
  experiment.measure.blocks = 2;
  return experiment;
}

Point point_of(std::int32_t prompt, std::int32_t batch, std::int32_t past, std::int32_t shared) {
  return {"m", prompt, 1, batch, 1, past, shared};
}

Ids part(const Ids& ids, std::size_t begin, std::size_t n) {
  return {ids.begin() + static_cast<std::ptrdiff_t>(begin), ids.begin() + static_cast<std::ptrdiff_t>(begin + n)};
}

TEST(PromptSource, APastGoesBeforeThePromptOfTheSameStream) {
  const Experiment experiment = experiment_of({point_of(3, 2, 5, 0)});
  const Ids ids = PromptSource(experiment).prompts_for({0, 0, 0, 0, 70});
  ASSERT_EQ(ids.size(), 16U);
  EXPECT_EQ(part(ids, 0, 8), synthetic_prompt(70, 8, 1000));
  EXPECT_EQ(part(ids, 8, 8), synthetic_prompt(71, 8, 1000));
}

TEST(PromptSource, ASharedPrefixIsTheSameInEveryTrialAndSequenceAndNothingElseIs) {
  const Experiment experiment = experiment_of({point_of(8, 2, 0, 5), point_of(8, 2, 0, 3), point_of(4, 2, 4, 5)});
  const PromptSource source(experiment);
  const Ids prefix = part(source.prompts_for({0, 0, 0, 0, 70}), 0, 5);
  for (const auto& [point, shared] : {std::pair{0, 5U}, {1, 3U}, {2, 5U}}) {
    for (const std::uint64_t stream : {70U, 90U}) {
      const Ids ids = source.prompts_for({point, 0, 0, 0, stream});
      for (const std::size_t row : {0U, 1U}) {
        EXPECT_EQ(part(ids, row * 8, shared), part(prefix, 0, shared));
        EXPECT_EQ(part(ids, row * 8 + shared, 8 - shared), synthetic_prompt(stream + row, 8 - shared, 1000));
      }
    }
  }
  Experiment other = experiment;
  other.prompts.seed = 1;
  EXPECT_NE(part(PromptSource(other).prompts_for({0, 0, 0, 0, 70}), 0, 5), prefix);
}

}  // namespace
}  // namespace inferbench
