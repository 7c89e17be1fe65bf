// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>

#include <set>
#include <string>
#include <vector>

#include "text/pretokenizer.hpp"

namespace inferbench {
namespace {

using testing::ElementsAre;

std::vector<std::string> pieces(std::string_view text) {
  static const Pretokenizer kPretokenizer;
  std::vector<std::string> result;
  kPretokenizer.split(text, [&](std::string_view piece) { result.emplace_back(piece); });
  return result;
}

std::string utf8(std::uint32_t c) {
  std::string text;
  const auto push = [&text](std::uint32_t byte) { text.push_back(static_cast<char>(byte)); };
  if (c < 0x80) {
    push(c);
  } else if (c < 0x800) {
    push(0xC0 | c >> 6);
    push(0x80 | (c & 0x3F));
  } else if (c < 0x10000) {
    push(0xE0 | c >> 12);
    push(0x80 | (c >> 6 & 0x3F));
    push(0x80 | (c & 0x3F));
  } else {
    push(0xF0 | c >> 18);
    push(0x80 | (c >> 12 & 0x3F));
    push(0x80 | (c >> 6 & 0x3F));
    push(0x80 | (c & 0x3F));
  }
  return text;
}

TEST(Pretokenizer, Alternatives) {
  EXPECT_THAT(pieces(""), ElementsAre());
  EXPECT_THAT(pieces("I'll've 'S"), ElementsAre("I", "'ll", "'ve", " '", "S"));
  EXPECT_THAT(pieces("ab12 34,, \u00bd"), ElementsAre("ab", "12", " 34", ",,", " \u00bd"));
  EXPECT_THAT(pieces("a  b   "), ElementsAre("a", " ", " b", "   "));
  EXPECT_THAT(pieces("a\n\n b"), ElementsAre("a", "\n\n", " b"));
  EXPECT_THAT(pieces("a\n\nb"), ElementsAre("a", "\n", "\n", "b"));
  EXPECT_THAT(pieces("e\u0301a"), ElementsAre("e", "\u0301", "a"));  // a combining mark is no letter
}

// The property list of Unicode (PropList.txt), the same since 6.3.
TEST(Pretokenizer, WhiteSpaceIsUnicodesAndNothingElse) {
  const std::set<std::uint32_t> white = {0x09,   0x0A,   0x0B,   0x0C,   0x0D,   0x20,   0x85,   0xA0,   0x1680,
                                         0x2000, 0x2001, 0x2002, 0x2003, 0x2004, 0x2005, 0x2006, 0x2007, 0x2008,
                                         0x2009, 0x200A, 0x2028, 0x2029, 0x202F, 0x205F, 0x3000};
  for (std::uint32_t c = 0; c < 0x110000; ++c) {
    if (c >= 0xD800 && c < 0xE000) continue;
    // "  c": both spaces and c are one run at the end of the text, else only the first space stands alone.
    const auto result = pieces("  " + utf8(c));
    ASSERT_EQ(result.size() == 1, white.count(c) == 1) << std::hex << c;
  }
}

TEST(Pretokenizer, BytesThatAreNotUtf8StandAlone) {
  EXPECT_THAT(pieces("a\xff\xfe z"), ElementsAre("a", "\xff\xfe", " z"));
  EXPECT_THAT(pieces("\xc3"), ElementsAre("\xc3"));
  EXPECT_THAT(pieces("caf\xc3 b"), ElementsAre("caf", "\xc3", " b"));
  EXPECT_THAT(pieces("x\xed\xa0\x80y"), ElementsAre("x", "\xed\xa0\x80", "y"));  // a surrogate
  EXPECT_THAT(pieces("\xc0\xafy"), ElementsAre("\xc0\xaf", "y"));                // overlong
  EXPECT_THAT(pieces("\xf4\x90\x80\x80"), ElementsAre("\xf4\x90\x80\x80"));      // beyond U+10FFFF
  EXPECT_THAT(pieces("\xe4\xb8\xad\xe4\xb8"), ElementsAre("\xe4\xb8\xad", "\xe4\xb8"));
  EXPECT_THAT(pieces(std::string_view("a\0b", 3)), ElementsAre("a", std::string(1, '\0'), "b"));
}

}  // namespace
}  // namespace inferbench
