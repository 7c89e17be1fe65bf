// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>

#include <string>

#include "serve/trace.hpp"
#include "support/error.hpp"

namespace inferbench {
namespace {

using testing::HasSubstr;

std::string problem_of(const std::string& text) {
  try {
    parse_trace(text, "t.csv");
  } catch (const Error& error) {
    EXPECT_FALSE(error.cure().empty());
    return error.what();
  }
  return "none";
}

TEST(Trace, ReadsOurColumns) {
  const auto rows =
      parse_trace("output_tokens,arrival_s,prompt_tokens,prefix\n5,0.5,10,chat\n0,0.5,11,\n7,2,12,chat\n", "t.csv");
  ASSERT_EQ(rows.size(), 3U);
  EXPECT_EQ(rows[0].arrival_s, 0.5);
  EXPECT_EQ(rows[0].prompt_tokens, 10);
  EXPECT_EQ(rows[1].output_tokens, 1);  // a prompt alone still emits its first token
  EXPECT_TRUE(rows[1].blocks.empty());
  EXPECT_EQ(rows[0].blocks, rows[2].blocks);
  EXPECT_EQ(rows[0].blocks.size(), 1U);
}

TEST(Trace, ReadsAzuresColumns) {
  const auto rows = parse_trace(
      "TIMESTAMP,ContextTokens,GeneratedTokens\r\n2023-11-16 23:59:59.9799600,4808,10\r\n"
      "2023-11-17 00:00:01.2300000,3180,8\r\n",
      "azure.csv");
  ASSERT_EQ(rows.size(), 2U);
  EXPECT_NEAR(rows[1].arrival_s - rows[0].arrival_s, 1.25004, 1e-6);
  EXPECT_EQ(rows[0].prompt_tokens, 4808);
  EXPECT_EQ(rows[1].output_tokens, 8);
}

TEST(Trace, ReadsMooncakesLines) {
  const auto rows =
      parse_trace(R"({"timestamp": 1500, "input_length": 6758, "output_length": 500, "hash_ids": [0, 1, 2]})"
                  "\n"
                  R"({"timestamp": 3000, "input_length": 7322, "output_length": 490, "hash_ids": [0, 1, 14]})"
                  "\n\n",
                  "mooncake.jsonl");
  ASSERT_EQ(rows.size(), 2U);
  EXPECT_EQ(rows[0].arrival_s, 1.5);
  ASSERT_EQ(rows[1].blocks.size(), 3U);
  EXPECT_EQ(rows[0].blocks[1], rows[1].blocks[1]);
  EXPECT_NE(rows[0].blocks[2], rows[1].blocks[2]);
}

TEST(Trace, NamesTheLineOfAMistake) {
  const std::string header = "arrival_s,prompt_tokens,output_tokens\n";
  EXPECT_THAT(problem_of(header + "2,1,1\n1,1,1\n"), HasSubstr("t.csv:3: the request arrives before the one above it"));
  EXPECT_THAT(problem_of(header + "0,0,1\n"), HasSubstr("t.csv:2: a prompt of 0 tokens"));
  EXPECT_THAT(problem_of(header + "0,1,-1\n"), HasSubstr("t.csv:2: an output of -1 tokens"));
  EXPECT_THAT(problem_of(header + "0,1.5,1\n"), HasSubstr("not a whole number"));
  EXPECT_THAT(problem_of(header + "0,1\n"), HasSubstr("too few columns"));
  EXPECT_THAT(problem_of(header + "soon,1,1\n"), HasSubstr("'soon' is not a time"));
  EXPECT_THAT(problem_of(header + "nan,1,1\n"), HasSubstr("not a time"));
  EXPECT_THAT(problem_of("time,in,out\n0,1,1\n"), HasSubstr("does not name the columns"));
  EXPECT_THAT(problem_of(header), HasSubstr("the trace has no requests"));
  EXPECT_THAT(problem_of(""), HasSubstr("the trace has no requests"));
  EXPECT_THAT(problem_of("{\"timestamp\": 1}\n"), HasSubstr("t.csv:1: the line does not have the keys"));
  EXPECT_THAT(problem_of("{\"timestamp\": \n"), HasSubstr("t.csv:1: not a request of a trace"));
  EXPECT_THAT(problem_of(R"({"timestamp": 1, "input_length": 1, "output_length": 5, "hash_ids": [[1]]})"),
              HasSubstr("neither a whole number nor a text"));
  EXPECT_THAT(problem_of(R"({"timestamp": 1, "input_length": 1e300, "output_length": 5})"), HasSubstr("t.csv:1"));
}

}  // namespace
}  // namespace inferbench
