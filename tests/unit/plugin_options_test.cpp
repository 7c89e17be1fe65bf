// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>
#include <map>
#include <string>
#include <vector>

#include "plugin/options.hpp"
#include "support/error.hpp"

namespace inferbench {
namespace {

using ::testing::ElementsAre;
using ::testing::Pair;

const std::vector<OptionDescription> kSchema{
    {"pin", IB_OPTION_BOOL, "false", 0, 0, {}, "doc"},
    {"tile", IB_OPTION_INT, "32", 1, 64, {}, "doc"},
    {"scale", IB_OPTION_FLOAT, "0.5", 0, 1, {}, "doc"},
    {"isa", IB_OPTION_CHOICE, "auto", 0, 0, {"auto", "generic", "avx2"}, "doc"},
    {"note", IB_OPTION_TEXT, "", 0, 0, {}, "doc"},
};
const OptionDescription kAnyInt{"seed", IB_OPTION_INT, "0", 0, -1, {}, "doc"};
const OptionDescription kAnyFloat{"bias", IB_OPTION_FLOAT, "0", 0, -1, {}, "doc"};

const OptionDescription& option(std::string_view key) {
  for (const OptionDescription& info : kSchema) {
    if (key == info.key) return info;
  }
  throw std::out_of_range("no such option");
}

struct Refusal {
  std::string what;
  std::string cure;
};

template <typename Function>
Refusal refusal(Function function) {
  try {
    function();
  } catch (const Error& error) {
    return {error.what(), error.cure()};
  }
  return {"accepted", ""};
}

Refusal refusal(const OptionDescription& info, std::string_view value) {
  return refusal([&] { check_option(info, value); });
}

TEST(OptionValues, DefaultsFillInInTheOrderOfTheSchema) {
  const OptionValues values(kSchema, {});
  ASSERT_EQ(values.values().size(), 5U);
  EXPECT_STREQ(values.values()[0].key, "pin");
  EXPECT_EQ(values.values()[0].boolean, 0);
  EXPECT_EQ(values.values()[1].integer, 32);
  EXPECT_EQ(values.values()[2].number, 0.5);
  EXPECT_STREQ(values.values()[3].text, "auto");
  EXPECT_STREQ(values.values()[4].text, "");
  for (std::size_t i = 0; i < kSchema.size(); ++i) EXPECT_EQ(values.values()[i].type, kSchema[i].type);
  EXPECT_THAT(values.as_text(), ElementsAre(Pair("isa", "auto"), Pair("note", ""), Pair("pin", "false"),
                                            Pair("scale", "0.5"), Pair("tile", "32")));
}

TEST(OptionValues, GivenValuesReplaceDefaults) {
  const OptionValues values(
      kSchema, {{"tile", "+64"}, {"pin", "True"}, {"isa", "avx2"}, {"scale", "1e-1"}, {"note", "gr\u00fc\u00dfe"}});
  EXPECT_EQ(values.values()[0].boolean, 1);
  EXPECT_EQ(values.values()[1].integer, 64);
  EXPECT_EQ(values.values()[2].number, 0.1);
  EXPECT_STREQ(values.values()[3].text, "avx2");
  EXPECT_STREQ(values.values()[4].text, "gr\u00fc\u00dfe");
  EXPECT_EQ(values.as_text().at("tile"), "64");  // one spelling, no matter how it was given
  EXPECT_EQ(values.as_text().at("pin"), "true");
  EXPECT_EQ(values.as_text().at("scale"), "0.1");
}

TEST(OptionValues, CopiesOutliveTheOriginal) {
  OptionValues copy({}, {});
  {
    const std::vector<OptionDescription> schema = kSchema;  // destroyed before the values are used
    const OptionValues original(schema, {{"note", "a text too long for the small-string buffer of std::string"}});
    copy = original;
  }
  EXPECT_STREQ(copy.values()[4].key, "note");
  EXPECT_STREQ(copy.values()[4].text, "a text too long for the small-string buffer of std::string");
}

TEST(OptionValues, UnknownKeyNamesTheNearest) {
  const Refusal tiles = refusal([] { OptionValues(kSchema, {{"tiles", "1"}}); });
  EXPECT_EQ(tiles.what, "unknown option 'tiles'");
  EXPECT_EQ(tiles.cure, "did you mean 'tile'? known options: pin, tile, scale, isa, note");
  const Refusal none = refusal([] { OptionValues({}, {{"tile", "1"}}); });
  EXPECT_EQ(none.cure, "there are no options");
}

TEST(CheckOption, Bool) {
  for (const char* good : {"true", "false", "True", "FALSE"}) check_option(option("pin"), good);
  for (const char* bad : {"", "1", "yes", "on", "tRue", "true "}) {
    EXPECT_EQ(refusal(option("pin"), bad).what,
              "option 'pin': '" + std::string(bad == std::string("true ") ? "true" : bad) + "' is not true or false");
  }
  EXPECT_EQ(refusal(option("pin"), "yes").cure, "the default is 'false'");
}

TEST(CheckOption, IntRange) {
  for (const char* good : {"1", "64", "+7", "007"}) check_option(option("tile"), good);
  for (const char* bad : {"0", "65", "-1", "", "3.0", "1e1", "0x10", "1_000", "seven", "7 ", "+-7", "+"}) {
    EXPECT_THAT(refusal(option("tile"), bad).what, ::testing::EndsWith("is not a whole number from 1 to 64")) << bad;
  }
  EXPECT_EQ(refusal(option("tile"), "65").what, "option 'tile': '65' is not a whole number from 1 to 64");
}

TEST(CheckOption, IntLimits) {
  check_option(kAnyInt, "9223372036854775807");
  check_option(kAnyInt, "-9223372036854775808");
  EXPECT_EQ(refusal(kAnyInt, "9223372036854775808").what,
            "option 'seed': '9223372036854775808' is not a whole number (too large for 64 bits)");
  // 2^53 + 1 is not representable as a double. The comparison with the bound must not round it down to the bound.
  const OptionDescription to_2_53{"n", IB_OPTION_INT, "0", 0, 9007199254740992.0, {}, "doc"};
  check_option(to_2_53, "9007199254740992");
  EXPECT_NE(refusal(to_2_53, "9007199254740993").what, "accepted");
}

TEST(CheckOption, Float) {
  for (const char* good : {"0", "1", "0.25", "1e-3", "+.5", "1."}) check_option(option("scale"), good);
  for (const char* bad : {"", "-0.1", "1.01", "nan", "inf", ".inf", "half", "0,5", "1e999"}) {
    EXPECT_THAT(refusal(option("scale"), bad).what, ::testing::EndsWith("is not a number from 0 to 1")) << bad;
  }
  check_option(kAnyFloat, "-1e300");
  EXPECT_EQ(refusal(kAnyFloat, "inf").what, "option 'bias': 'inf' is not a number");
}

TEST(CheckOption, Choice) {
  check_option(option("isa"), "generic");
  const Refusal bad = refusal(option("isa"), "avx");
  EXPECT_EQ(bad.what, "option 'isa': 'avx' is not one of auto, generic, avx2");
  EXPECT_EQ(bad.cure, "did you mean 'avx2'?");
  EXPECT_EQ(refusal(option("isa"), "neon").cure, "the default is 'auto'");
  EXPECT_NE(refusal(option("isa"), "AVX2").what, "accepted");
  EXPECT_NE(refusal(option("isa"), "").what, "accepted");
}

TEST(CheckOption, Text) {
  check_option(option("note"), "anything: \u4f60, 'quotes'");
  EXPECT_EQ(refusal(option("note"), std::string_view("a\0b", 3)).what,
            "option 'note': 'a b' is not text without a zero byte (it contains a zero byte)");
}

TEST(CheckOption, UnknownTypeIsRefused) {
  const OptionDescription later{"new", 5, "x", 0, 0, {}, "doc"};
  EXPECT_EQ(refusal(later, "x").what, "option 'new' has the type 5, which this host does not know");
}

}  // namespace
}  // namespace inferbench
