// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>

#include "quality/bounds.hpp"

namespace inferbench {
namespace {

TEST(QualityBounds, FollowThePrecisionsName) {
  EXPECT_EQ(default_max_kl("fp32", QualityTokens::kText), default_max_kl("f32", QualityTokens::kText));
  EXPECT_EQ(default_max_kl("int8", QualityTokens::kText), 2e-4);
  EXPECT_EQ(default_max_kl("q4_0", QualityTokens::kText), 2e-2);
  EXPECT_EQ(default_max_kl("bf16", QualityTokens::kText), default_max_kl("fp16", QualityTokens::kText));
  EXPECT_LT(default_max_kl("fp32", QualityTokens::kText), default_max_kl("bf16", QualityTokens::kText));
  EXPECT_LT(default_max_kl("int8", QualityTokens::kText), default_max_kl("int8", QualityTokens::kSeeded));
  EXPECT_FALSE(default_max_kl("native", QualityTokens::kText));
  EXPECT_FALSE(default_logit_error("native"));
  EXPECT_LT(default_logit_error("fp32"), default_logit_error("int4"));
}

}  // namespace
}  // namespace inferbench
