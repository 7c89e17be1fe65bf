// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>

#include "cli/text_columns.hpp"

namespace inferbench {
namespace {

using testing::HasSubstr;
using testing::Not;

TEST(TextColumns, StandBesideEachOther) {
  const std::string text = render_columns({{"a", "one two\nthree", 0}, {"b", "one too", 5}}, 60, false);
  EXPECT_EQ(text,
            "a                            | b: differs from character 6\n"
            "---------------------------- | ----------------------------\n"
            "one two                      | one too\n"
            "three                        |\n");
}

TEST(TextColumns, HighlightOnlyWhatDiffersAndOnlyInColour) {
  const std::string text = render_columns({{"a", "one two", 7}, {"b", "one too", 5}}, 60, true);
  EXPECT_THAT(text, HasSubstr("one t\x1b[33moo\x1b[0m"));
  EXPECT_THAT(text, Not(HasSubstr("\x1b[33mone")));
  EXPECT_THAT(render_columns({{"a", "x", 1}, {"b", "x", 1}}, 60, true), Not(HasSubstr("\x1b")));
  EXPECT_THAT(render_columns({{"a", "x", 1}, {"b", "x", 1}}, 60, false), HasSubstr("b: identical"));
}

TEST(TextColumns, WrapAfterTheirWidthAndCountCharactersNotBytes) {
  std::string text;
  for (int i = 0; i < 30; ++i) text += "\xc3\xa9";
  const std::string columns = render_columns({{"a", text, text.size()}, {"b", "", 0}}, 51, false);
  std::string first_line;
  for (int i = 0; i < 24; ++i) first_line += "\xc3\xa9";
  EXPECT_THAT(columns, HasSubstr("\n" + first_line + " |"));
}

TEST(TextColumns, StandBelowEachOtherWhereTheTerminalIsNarrow) {
  EXPECT_EQ(render_columns({{"a", "one", 3}, {"b", "two", 0}}, 40, false),
            "a\none\n\nb: differs from character 1\ntwo\n");
}

TEST(TextColumns, LetNothingMoveTheCursor) {
  const std::string text = render_columns({{"a", "x\x1b[2Jy\rz\x80", 9}, {"b", "", 0}}, 60, false);
  EXPECT_THAT(text, Not(HasSubstr("\x1b")));
  EXPECT_THAT(text, Not(HasSubstr("\r")));
  EXPECT_THAT(text, HasSubstr("x?[2Jy?z?"));
}

}  // namespace
}  // namespace inferbench
