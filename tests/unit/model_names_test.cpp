// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>

#include "model/distinct_names.hpp"

namespace inferbench {
namespace {

using testing::ElementsAre;

TEST(DistinctNames, AreTheShortestEndsThatDiffer) {
  EXPECT_THAT(distinct_names({{"/a/v1/model", "model"}, {"/a/v2/model", "model"}}),
              ElementsAre("v1/model", "v2/model"));
  EXPECT_THAT(distinct_names({{"/a/x/v1/m", "m"}, {"/b/x/v1/m", "m"}, {"/b/x/v2/m", "m"}}),
              ElementsAre("a/x/v1/m", "b/x/v1/m", "v2/m"));
  EXPECT_THAT(distinct_names({{"/a/v1/model/", "model"}, {"/a/v2/model", "model"}}),
              ElementsAre("v1/model", "v2/model"));
}

TEST(DistinctNames, KeepWhatIsDistinct) {
  EXPECT_THAT(distinct_names({{"/a/one", "one"}, {"/a/two", "two"}}), ElementsAre("one", "two"));
  EXPECT_THAT(distinct_names({{"/a/one", "one"}, {"/a/one", "one"}}), ElementsAre("one", "one"));
}

// A hub name cannot be extended by a parent folder.
TEST(DistinctNames, LetTheLongerOneTellItApart) {
  EXPECT_THAT(distinct_names({{"gpt2", "gpt2"}, {"/models/gpt2", "gpt2"}}), ElementsAre("gpt2", "models/gpt2"));
  EXPECT_THAT(distinct_names({{"/m", "m"}, {"/a/m", "m"}}), ElementsAre("m", "a/m"));
}

}  // namespace
}  // namespace inferbench
