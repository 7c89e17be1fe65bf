// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <cstdint>
#include <limits>

#include "support/counted.hpp"

namespace inferbench {
namespace {

TEST(Counted, OnlyOneIsSingular) {
  EXPECT_EQ(counted(0, "thread"), "0 threads");
  EXPECT_EQ(counted(1, "thread"), "1 thread");
  EXPECT_EQ(counted(2, "thread"), "2 threads");
  EXPECT_EQ(counted(std::uint64_t{1}, "trial"), "1 trial");
  EXPECT_EQ(counted(std::numeric_limits<std::uint64_t>::max(), "byte"), "18446744073709551615 bytes");
}

TEST(Counted, PluralsFollowTheEnding) {
  EXPECT_EQ(plural("process"), "processes");
  EXPECT_EQ(plural("batch"), "batches");
  EXPECT_EQ(plural("suffix"), "suffixes");
  EXPECT_EQ(plural("entry"), "entries");
  EXPECT_EQ(plural("query"), "queries");
  EXPECT_EQ(plural("key"), "keys");
  EXPECT_EQ(plural("array"), "arrays");
  EXPECT_EQ(plural("sequence"), "sequences");
  EXPECT_EQ(plural("machine limit"), "machine limits");
}

}  // namespace
}  // namespace inferbench
