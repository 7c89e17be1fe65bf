// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>

#include "quality/bounds.hpp"

namespace inferbench {
namespace {

TEST(QualityBounds, FollowThePrecisionsName) {
  EXPECT_EQ(default_max_kl(precision_meaning("fp32"), QualityTokens::kText),
            default_max_kl(precision_meaning("f32"), QualityTokens::kText));
  EXPECT_EQ(default_max_kl(precision_meaning("int8"), QualityTokens::kText), 2e-4);
  EXPECT_EQ(default_max_kl(precision_meaning("q4_0"), QualityTokens::kText), 2e-2);
  EXPECT_EQ(default_max_kl(precision_meaning("bf16"), QualityTokens::kText),
            default_max_kl(precision_meaning("fp16"), QualityTokens::kText));
  EXPECT_LT(default_max_kl(precision_meaning("fp32"), QualityTokens::kText),
            default_max_kl(precision_meaning("bf16"), QualityTokens::kText));
  EXPECT_LT(default_max_kl(precision_meaning("int8"), QualityTokens::kText),
            default_max_kl(precision_meaning("int8"), QualityTokens::kSeeded));
  EXPECT_FALSE(default_max_kl(precision_meaning("native"), QualityTokens::kText));
  EXPECT_FALSE(default_logit_error(precision_meaning("native")));
  EXPECT_LT(default_logit_error(precision_meaning("fp32")), default_logit_error(precision_meaning("int4")));
}

}  // namespace
}  // namespace inferbench
