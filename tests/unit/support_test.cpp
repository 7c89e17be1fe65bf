// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <string>
#include <vector>

#include "support/fit_text.hpp"
#include "support/one_line.hpp"
#include "support/suggest.hpp"

namespace inferbench {
namespace {

using Words = std::vector<std::string>;

TEST(EditDistance, CountsEachKindOfMistake) {
  EXPECT_EQ(edit_distance("", ""), 0U);
  EXPECT_EQ(edit_distance("", "abc"), 3U);
  EXPECT_EQ(edit_distance("abc", ""), 3U);
  EXPECT_EQ(edit_distance("tile", "tile"), 0U);
  EXPECT_EQ(edit_distance("tile", "tiles"), 1U);   // insertion
  EXPECT_EQ(edit_distance("tiles", "tile"), 1U);   // deletion
  EXPECT_EQ(edit_distance("tile", "tale"), 1U);    // substitution
  EXPECT_EQ(edit_distance("batch", "bacth"), 1U);  // transposition
  EXPECT_EQ(edit_distance("kitten", "sitting"), 3U);
  EXPECT_EQ(edit_distance("CPU_Ref", "cpu_ref"), 0U);  // case does not count
  EXPECT_EQ(edit_distance("ca", "abc"), 3U);           // optimal string alignment, not full Damerau (which gives 2)
}

TEST(Nearest, FindsWhatWasMeant) {
  const Words names{"prompt_tokens", "generate_tokens", "batch", "threads"};
  EXPECT_EQ(nearest("promt_tokens", names), "prompt_tokens");
  EXPECT_EQ(nearest("thread", names), "threads");
  EXPECT_EQ(nearest("bacth", names), "batch");
  EXPECT_EQ(nearest("BATCH", names), "batch");
  EXPECT_EQ(nearest("generate-tokens", names), "generate_tokens");
  const std::vector<std::string> sets = {"avx2", "avxvnni", "avx512vnni"};
  EXPECT_EQ(nearest("AVX512", sets), "avx512vnni");  // a prefix of it, although avx2 is closer in letters
  EXPECT_EQ(nearest("avx", sets), "avx2");           // a prefix of all
}

TEST(Nearest, SaysNothingWhereNothingIsNear) {
  const Words names{"batch", "threads", "x"};
  EXPECT_EQ(nearest("seed", names), "");
  EXPECT_EQ(nearest("", names), "");
  EXPECT_EQ(nearest("y", names), "");  // differs from one-letter names in every letter
  EXPECT_EQ(nearest("batch", {}), "");
  EXPECT_EQ(nearest(std::string(100'000, 'a'), names), "");
}

TEST(Nearest, TheFirstOfEquals) {
  EXPECT_EQ(nearest("int6", {"int8", "int4"}), "int8");
  EXPECT_EQ(nearest("int4x", {"int8", "int4"}), "int4");
}

TEST(Suggestion, ListsWhatIsKnown) {
  EXPECT_EQ(suggestion("tiles", "options", {"tile", "kv"}), "did you mean 'tile'? known options: tile, kv");
  EXPECT_EQ(suggestion("zzz", "options", {"tile", "kv"}), "known options: tile, kv");
  EXPECT_EQ(suggestion("zzz", "options", {}), "there are no options");
  Words many;
  for (int i = 0; i < 25; ++i) many.push_back("name" + std::to_string(i));
  EXPECT_THAT(suggestion("?", "names", many), ::testing::EndsWith("name18, name19, ... (5 more)"));
}

TEST(OneLine, MakesUnknownTextFitForATerminal) {
  EXPECT_EQ(one_line("plain"), "plain");
  EXPECT_EQ(one_line("  two\r\n\tlines \n"), "two lines");
  EXPECT_EQ(one_line("\033[31mred\x7f"), "[31mred");
  EXPECT_EQ(one_line("gr\u00fc\u00dfe \u4f60\u597d"), "gr\u00fc\u00dfe \u4f60\u597d");
  EXPECT_EQ(one_line("a\xff\xc3(b"),
            "a?"
            "?(b");
  EXPECT_EQ(one_line("a\u009b31mb"), "a 31mb");  // CSI as a single character (C1)
  EXPECT_EQ(one_line(""), "");
}

TEST(OneLine, CutsBetweenCharacters) {
  EXPECT_EQ(one_line("123456789", 8), "12345...");
  EXPECT_EQ(one_line("12345678", 8), "12345678");
  EXPECT_EQ(one_line("12345 78 \n", 8), "12345 78");
  EXPECT_EQ(one_line("1234\u00e4\u00e4\u00e4", 8), "1234...");
  EXPECT_LE(one_line(std::string(10'000, 'x')).size(), 512U);
}

TEST(WrapText, LeavesNothingOut) {
  EXPECT_THAT(wrap_text("one two three", 7), testing::ElementsAre("one two", "three"));
  EXPECT_THAT(wrap_text("one two", 7), testing::ElementsAre("one two"));
  EXPECT_THAT(wrap_text("a verylongword b", 5), testing::ElementsAre("a", "veryl", "ongwo", "rd b"));
  EXPECT_THAT(wrap_text("\u00e4\u00e4\u00e4\u00e4", 3), testing::ElementsAre("\u00e4\u00e4\u00e4", "\u00e4"));
  EXPECT_THAT(wrap_text("a\n\tb", 9), testing::ElementsAre("a b"));
  EXPECT_THAT(wrap_text("", 9), testing::ElementsAre());
  EXPECT_EQ(wrap_text(std::string(10'000, 'x'), 100).size(), 100U);
}

TEST(ShortenMiddle, KeepsBothEnds) {
  EXPECT_EQ(shorten_middle("0123456789", 10), "0123456789");
  EXPECT_EQ(shorten_middle("0123456789", 9), "012...789");
  EXPECT_EQ(shorten_middle("0123456789", 8), "01...789");
  EXPECT_EQ(shorten_middle("\u00e4\u00e4\u00e4\u00e4\u00e4\u00e4\u00e4\u00e4", 7), "\u00e4\u00e4...\u00e4\u00e4");
}

TEST(ShortenPath, PrefersTheFolderThatTheUserKnows) {
  const std::string here = std::filesystem::current_path().string();
  EXPECT_EQ(shorten_path(here + "/models/a", 4096), here + "/models/a");  // short enough, so unchanged
  EXPECT_EQ(shorten_path(here + "/models/a", 9), "models/a");
  EXPECT_EQ(shorten_path(here + "-other/a", 9).find("models"), std::string::npos);
  EXPECT_EQ(shorten_path("/one/two/three/four", 12), "/one.../four");
  const char* home = std::getenv("HOME");
  if (home == nullptr || *home == '\0' || here.starts_with(home)) return;
  EXPECT_EQ(shorten_path(std::string(home) + "/models/of/mine", std::string(home).size() + 14), "~/models/of/mine");
}

}  // namespace
}  // namespace inferbench
