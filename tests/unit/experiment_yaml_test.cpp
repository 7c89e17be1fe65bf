// SPDX-License-Identifier: Apache-2.0
// The YAML tree below the experiment: positions, aliases, merging, and what is refused before keys are interpreted.
#include <fmt/format.h>
#include <gmock/gmock.h>

#include "experiment/yaml_tree.hpp"
#include "experiment/yaml_value.hpp"
#include "support/error.hpp"

namespace inferbench {
namespace {

using testing::HasSubstr;

YamlNode parse(const std::string& text) {
  return parse_yaml(text, std::make_shared<const YamlSource>(YamlSource{"f.yaml", "/exp", true}));
}

std::string error_of(const std::string& text) {
  try {
    parse(text);
  } catch (const Error& error) {
    EXPECT_EQ(error.exit_code(), ExitCode::kBadInput);
    EXPECT_FALSE(error.cure().empty());
    return error.what();
  }
  return "no error";
}

// The tree as one text: lists in [], maps in {}, each with its line:column.
std::string dump(const YamlNode& node) {
  const std::string at = fmt::format("{}:{}", node.at.line, node.at.column);
  if (node.kind == YamlNode::Kind::kNull) return at + "~";
  if (node.kind == YamlNode::Kind::kScalar) return at + (node.quoted ? "'" : "=") + node.text;
  std::string inside;
  for (const YamlNode& item : node.items) inside += dump(item) + " ";
  for (const YamlEntry& entry : node.entries) {
    inside += fmt::format("{}@{}:{} {} ", entry.key, entry.at.line, entry.at.column, dump(entry.value));
  }
  const bool is_list = node.kind == YamlNode::Kind::kList;
  return fmt::format("{}{}{}{}", at, is_list ? "[" : "{", inside, is_list ? "]" : "}");
}

TEST(ExperimentYaml, KeepsPositionsKindsAndQuotes) {
  EXPECT_EQ(dump(parse("a: 1\nb:\n  - x\n  - \"2\"\nc: {d: ~, e: []}\n")),
            "1:1{a@1:1 1:4=1 b@2:1 3:3[3:5=x 4:5'2 ] c@5:1 5:4{d@5:5 5:5~ e@5:11 5:14[] } }");
}

TEST(ExperimentYaml, ColumnsCountCharactersAndTheByteOrderMarkIsNone) {
  EXPECT_EQ(dump(parse("\xEF\xBB\xBF{\xC3\xA9\xE2\x82\xAC: 1, b: 2}")),
            "1:1{\xC3\xA9\xE2\x82\xAC@1:2 1:6=1 b@1:9 1:12=2 }");
}

TEST(ExperimentYaml, WindowsLineEndsAreLineEnds) {
  EXPECT_EQ(dump(parse("a: 1\r\nb: 2\r\n")), "1:1{a@1:1 1:4=1 b@2:1 2:4=2 }");
}

TEST(ExperimentYaml, AliasesAreCopiesThatStandWhereTheAliasStands) {
  EXPECT_EQ(dump(parse("a: &x [1]\nb: *x\n")), "1:1{a@1:1 1:4[1:8=1 ] b@2:1 2:4[1:8=1 ] }");
}

TEST(ExperimentYaml, MergeKeysAreResolved) {
  EXPECT_EQ(dump(parse("a: &x {b: 1, c: 2}\nd: {c: 3, <<: *x}\n")),
            "1:1{a@1:1 1:4{b@1:8 1:11=1 c@1:14 1:17=2 } d@2:1 2:4{b@1:8 1:11=1 c@2:5 2:8=3 } }");
  // In a list of maps, the first map wins. A merged map may itself contain merges.
  EXPECT_EQ(dump(parse("- &x {b: 1}\n- &y {<<: *x, c: 2}\n- {<<: [{c: 3}, *y]}\n")),
            "1:1[1:3{b@1:7 1:10=1 } 2:3{b@1:7 1:10=1 c@2:15 2:18=2 } 3:3{c@3:10 3:13=3 b@1:7 1:10=1 } ]");
  EXPECT_EQ(dump(parse("{<<: [], a: 1}")), "1:1{a@1:10 1:13=1 }");
}

TEST(ExperimentYaml, EmptyDocumentsAreNull) {
  for (const char* text : {"", "\n\n", "# only a comment\n", "---\n", "---\n...\n", "~"}) {
    EXPECT_EQ(parse(text).kind, YamlNode::Kind::kNull) << text;
  }
}

TEST(ExperimentYaml, MapsMergeAndListsReplace) {
  YamlNode base = parse("a: {x: 1, y: 2}\nb: [1, 2]\nc: 3\n");
  merge_yaml(base, parse("a: {y: 5, z: 6}\nb: [9]\nd: 4\n"));
  EXPECT_EQ(dump(base),
            "1:1{a@1:1 1:4{x@1:5 1:8=1 y@1:5 1:8=5 z@1:11 1:14=6 } b@2:1 2:4[2:5=9 ] c@3:1 3:4=3 d@3:1 3:4=4 }");
}

TEST(ExperimentYaml, RefusesDuplicateKeys) {
  EXPECT_EQ(error_of("a: 1\nb: 2\na: 3\n"), "f.yaml:3:1: the key 'a' was already given on line 1, expected it once");
  EXPECT_EQ(error_of("m:\n  a: 1\n  \"a\": 3\n"),
            "f.yaml:3:3: the key 'a' was already given on line 2, expected it once");
}

TEST(ExperimentYaml, RefusesKeysThatAreNoWords) {
  EXPECT_EQ(error_of("[1]: 2\n"), "f.yaml:1:1: found a list as a key, expected a word");
  EXPECT_EQ(error_of("? ~\n: 2\n"), "f.yaml:1:3: found nothing as a key, expected a word");
}

TEST(ExperimentYaml, RefusesTagsAndSecondDocuments) {
  EXPECT_EQ(error_of("a: !!int 3\n"),
            "f.yaml:1:4: found the tag 'tag:yaml.org,2002:int', but an experiment has no tags");
  EXPECT_EQ(error_of("a: 1\n---\nb: 1\n"), "f.yaml:3:1: a second YAML document starts here, expected one");
}

TEST(ExperimentYaml, RefusesWhatIsNotText) {
  EXPECT_EQ(error_of("a: \xFF\n"), "f.yaml:1:4: found the byte 0xff, which is not UTF-8 text");
  EXPECT_EQ(error_of("a: 1\nb: \xC3\n"), "f.yaml:2:4: found the byte 0xc3, which is not UTF-8 text");
  EXPECT_EQ(error_of(std::string("a: \0b", 5)),
            "f.yaml:1:4: found the control character 0x00, which YAML does not allow");
  EXPECT_EQ(error_of(std::string("\xFF\xFE"
                                 "a\0:\0",
                                 6)),
            "f.yaml:1:1: found the byte 0xff, which is not UTF-8 text");
  EXPECT_EQ(error_of("\x7F"
                     "ELF"),
            "f.yaml:1:1: found the control character 0x7f, which YAML does not allow");
}

TEST(ExperimentYaml, SyntaxErrorsKeepTheirPlace) {
  EXPECT_EQ(error_of("a: [1, 2\nb: 3\n"), "f.yaml:2:2: not valid YAML: end of sequence flow not found");
  // yaml-cpp 0.8 adds the anchor's name, 0.7 does not.
  EXPECT_THAT(error_of("a: *nobody\n"),
              testing::StartsWith("f.yaml:1:4: not valid YAML: the referenced anchor is not defined"));
  EXPECT_THAT(error_of("a: 'x\n"), HasSubstr("f.yaml:1:6: not valid YAML: "));
  EXPECT_THAT(error_of("\ta: 1\n"), HasSubstr("f.yaml:1:"));
}

TEST(ExperimentYaml, RefusesAliasesInsideTheirAnchor) {
  EXPECT_EQ(error_of("a: &x [1, *x]\n"), "f.yaml:1:11: this alias is inside its own anchor");
}

// Each level is a list of ten references to the level below.
std::string alias_bomb(int levels, const std::string& first) {
  std::string text = "a0: &a0 " + first + "\n";
  for (int i = 1; i <= levels; ++i) {
    const std::vector<std::string> below(10, fmt::format("*a{}", i - 1));
    text += fmt::format("a{0}: &a{0} [{1}]\n", i, fmt::join(below, ","));
  }
  return text;
}

TEST(ExperimentYaml, AliasBombsEndEarly) {
  EXPECT_EQ(error_of(alias_bomb(9, "[x,x,x,x,x,x,x,x,x,x]")),
            "f.yaml:5:18: the experiment exceeds 50000 values or 4 MiB here with all aliases expanded");
  // Few nodes with long texts.
  EXPECT_THAT(error_of(alias_bomb(3, std::string(10'000, 'x'))), HasSubstr("exceeds 50000 values or 4 MiB"));
  // Each level adds only one to the depth and one alias, so this tests depth, not size.
  std::string deep = "a0: &a0 x\n";
  for (int i = 1; i < 100; ++i) deep += fmt::format("a{0}: &a{0} [*a{1}]\n", i, i - 1);
  EXPECT_THAT(error_of(deep), HasSubstr(": nested more than 32 levels deep"));
}

TEST(ExperimentYaml, DeepNestingEndsEarly) {
  EXPECT_EQ(dump(parse("a: [[[1]]]")), "1:1{a@1:1 1:4[1:5[1:6[1:7=1 ] ] ] }");
  EXPECT_EQ(error_of("a: " + std::string(40, '[') + std::string(40, ']')),
            "f.yaml:1:36: nested more than 32 levels deep");
  EXPECT_THAT(error_of("a: " + std::string(100'000, '[')), HasSubstr("f.yaml:1:"));
  EXPECT_THAT(error_of(std::string(100'000, '{')), HasSubstr("f.yaml:1:"));
}

TEST(ExperimentYaml, BytesHaveUnits) {
  const std::vector<std::pair<const char*, double>> cases{
      {"1", 1},           {"8GiB", 8589934592.0}, {"1.5 KiB", 1536}, {"500MB", 5e8},           {"2KB", 2000},
      {"3 MiB", 3145728}, {"0.5GB", 5e8},         {"7B", 7},         {"1TiB", 1099511627776.0}};
  for (const auto& [text, expected] : cases) {
    double bytes = 0;
    EXPECT_TRUE(parse_bytes(text, bytes)) << text;
    EXPECT_EQ(bytes, expected) << text;
  }
  for (const char* text : {"", "GiB", "8 gigs", "8Gib", "1e400", "8 GiB x", "--1", "nan", "inf"}) {
    double bytes = 0;
    EXPECT_FALSE(parse_bytes(text, bytes)) << text;
  }
}

}  // namespace
}  // namespace inferbench
