// SPDX-License-Identifier: Apache-2.0
#include "support/json_integer.hpp"

#include <gtest/gtest.h>

namespace inferbench {
namespace {

using Json = nlohmann::json;

TEST(JsonInteger, TakesWhatFits) {
  EXPECT_EQ(integer_of<std::int32_t>(Json(-2147483648LL)), -2147483647 - 1);
  EXPECT_EQ(integer_of<std::int32_t>(Json(2147483647U)), 2147483647);
  EXPECT_EQ(integer_of<std::uint64_t>(Json(UINT64_MAX)), UINT64_MAX);
  EXPECT_EQ(integer_of<std::int64_t>(Json(INT64_MIN)), INT64_MIN);
}

TEST(JsonInteger, RefusesWhatWouldWrapOrIsNone) {
  EXPECT_THROW(integer_of<std::int32_t>(Json(2147483648U)), Json::type_error);
  EXPECT_THROW(integer_of<std::int32_t>(Json(-2147483649LL)), Json::type_error);
  EXPECT_THROW(integer_of<std::int64_t>(Json(UINT64_MAX)), Json::type_error);
  EXPECT_THROW(integer_of<std::uint64_t>(Json(-1)), Json::type_error);
  for (const Json& none : {Json(1e300), Json(1.0), Json("1"), Json(true), Json(nullptr), Json::array({1})}) {
    EXPECT_THROW(integer_of<std::uint64_t>(none), Json::type_error) << none;
  }
}

}  // namespace
}  // namespace inferbench
