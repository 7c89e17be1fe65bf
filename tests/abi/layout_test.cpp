// SPDX-License-Identifier: Apache-2.0
// The layout itself is asserted while layout_c99.c and layout_cpp20.cpp compile.
#include <gtest/gtest.h>

#include <cstring>

#include "inferbench/backend.h"

extern "C" int layout_c99_has_fields();

namespace {

TEST(AbiLayout, HasIsDecidedByStructSize) {
  EXPECT_EQ(layout_c99_has_fields(), 1);
}

TEST(AbiLayout, MagicReadsAsText) {
  const std::uint64_t magic = IB_MAGIC;
  EXPECT_EQ(std::memcmp(&magic, "IBBCKND1", 8), 0);
}

}  // namespace
