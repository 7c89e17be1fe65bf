// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <array>

#include "support/precision.hpp"

namespace inferbench {
namespace {

TEST(Precision, BitsAreTheFirstNumberOfTheName) {
  for (const auto& [name, bits] : {std::pair("fp32", 32),
                                   {"bf16", 16},
                                   {"f16", 16},
                                   {"int8", 8},
                                   {"q4_0", 4},
                                   {"q6_k", 6},
                                   {"w4a16", 4},
                                   {"mxfp4", 4}}) {
    ASSERT_TRUE(precision_meaning(name).has_value()) << name;
    EXPECT_EQ(precision_meaning(name)->bits, bits) << name;
  }
  for (const char* name : {"", "float", "int", "x0", "fp128"}) EXPECT_FALSE(precision_meaning(name)) << name;
}

TEST(Precision, OnlyIntegerWeightsMultiplyAsIntegers) {
  for (const char* name : {"int8", "int4", "uint4", "q8_0", "q4_0", "iq4_xs", "w8a8"}) {
    EXPECT_TRUE(multiplies_integers(precision_meaning(name))) << name;
  }
  for (const char* name : {"fp32", "bf16", "fp8", "mxfp4", "f16", "custom8", "exact"}) {
    EXPECT_FALSE(multiplies_integers(precision_meaning(name))) << name;
  }
}

struct Row {
  int bits;
};

TEST(Precision, IsJudgedByItsBitsOrTheNextFewer) {
  constexpr std::array<Row, 3> kTable{{{32}, {8}, {4}}};
  EXPECT_EQ(row_by_bits(kTable, precision_meaning("fp32"))->bits, 32);
  EXPECT_EQ(row_by_bits(kTable, precision_meaning("bf16"))->bits, 8);
  EXPECT_EQ(row_by_bits(kTable, precision_meaning("q6_k"))->bits, 4);
  EXPECT_EQ(row_by_bits(kTable, precision_meaning("q3_k")), nullptr);
  EXPECT_EQ(row_by_bits(kTable, precision_meaning("exact")), nullptr);
}

}  // namespace
}  // namespace inferbench
