// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>

#include <vector>

#include "text/sliding_context.hpp"

namespace inferbench {
namespace {

using testing::ElementsAre;

std::vector<std::int32_t> made_room(SlidingContext& context, const std::vector<std::int32_t>& fed) {
  const auto result = context.make_room(fed);
  return {result.begin(), result.end()};
}

TEST(SlidingContext, FeedsWhatFitsAndTheLatestHalfWhereItDoesNot) {
  int emptied = 0;
  SlidingContext context(6, [&] { ++emptied; });
  EXPECT_THAT(made_room(context, {1, 2, 3}), ElementsAre(1, 2, 3));
  EXPECT_THAT(made_room(context, {4}), ElementsAre(4));
  EXPECT_THAT(made_room(context, {5, 6}), ElementsAre(5, 6));
  EXPECT_EQ(context.held(), 6U);
  EXPECT_EQ(emptied, 0);
  EXPECT_THAT(made_room(context, {7}), ElementsAre(5, 6, 7));
  EXPECT_EQ(emptied, 1);
  EXPECT_EQ(context.held(), 3U);
  EXPECT_THAT(made_room(context, {8}), ElementsAre(8));
  EXPECT_EQ(context.slides(), 1U);
}

TEST(SlidingContext, KeepsTheEndOfWhatIsLongerThanItself) {
  SlidingContext context(4, [] {});
  EXPECT_THAT(made_room(context, {1, 2, 3, 4, 5, 6, 7, 8, 9}), ElementsAre(8, 9));
  SlidingContext least(2, [] {});
  EXPECT_THAT(made_room(least, {1, 2, 3}), ElementsAre(3));
}

}  // namespace
}  // namespace inferbench
