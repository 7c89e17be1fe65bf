// SPDX-License-Identifier: Apache-2.0
// Damaged and hostile tokenizer.json: one clear error each, with the file and the component, in bounded time.
#include <gmock/gmock.h>

#include <chrono>
#include <string>

#include "unit/tokenizer_json_support.hpp"

namespace inferbench::tokenizer_json {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using Json = nlohmann::json;

std::string error_with(const std::string& path, const Json& value) {
  Json file = small_file();
  file[Json::json_pointer(path)] = value;
  return error_of([&] { parse_file(file); });
}

std::string error_in_text(const std::string& text) {
  return error_of([&] { parse_json_tokenizer(text, "t.json", 1000); });
}

TEST(DamagedTokenizerJson, UndamagedLoads) {
  EXPECT_EQ(error_with("/decoder", nullptr), "");
}

TEST(DamagedTokenizerJson, NotJson) {
  EXPECT_THAT(error_in_text(""), HasSubstr("t.json: not valid JSON"));
  EXPECT_THAT(error_in_text("{\"model\": "), HasSubstr("t.json: not valid JSON"));
  EXPECT_THAT(error_in_text("{\"model\": \"\xff\"}"), HasSubstr("t.json: not valid JSON"));
  EXPECT_THAT(error_in_text(std::string(1 << 20, '[')), HasSubstr("t.json: not valid JSON"));
  EXPECT_THAT(error_in_text("[]"), HasSubstr("t.json: tokenizer: expected an object, found an array"));
  EXPECT_THAT(error_in_text("{}"), HasSubstr("'model' is missing"));
}

TEST(DamagedTokenizerJson, UnknownComponentsAreNamed) {
  EXPECT_THAT(error_with("/model/type", "Unigram"), HasSubstr("t.json: model: the model 'Unigram' is not supported"));
  EXPECT_THAT(error_with("/normalizer", {{"type", "Precompiled"}}),
              HasSubstr("t.json: normalizer: the normalizer 'Precompiled'"));
  EXPECT_THAT(error_with("/pre_tokenizer", {{"type", "BertPreTokenizer"}}),
              HasSubstr("the pre-tokenizer 'BertPreTokenizer'"));
  EXPECT_THAT(error_with("/post_processor", {{"type", "BertProcessing"}}),
              HasSubstr("the post-processor 'BertProcessing'"));
  EXPECT_THAT(error_with("/decoder", {{"type", "Sequence"}, {"decoders", {{{"type", "Fuse"}}, {{"type", "CTC"}}}}}),
              HasSubstr("t.json: decoder.decoders[1]: the decoder 'CTC' is not supported"));
  EXPECT_THAT(error_with("/model/dropout", 0.1), HasSubstr("model.dropout: is not supported"));
  EXPECT_THAT(error_with("/model/end_of_word_suffix", "</w>"), HasSubstr("model.end_of_word_suffix: is not supported"));
  EXPECT_EQ(error_with("/model/continuing_subword_prefix", ""), "");
}

TEST(DamagedTokenizerJson, WrongTypesAnywhere) {
  for (const std::string path :
       {"/added_tokens", "/normalizer", "/pre_tokenizer", "/post_processor", "/decoder", "/model", "/model/type",
        "/model/vocab", "/model/merges", "/model/byte_fallback", "/model/fuse_unk", "/model/ignore_merges",
        "/model/unk_token", "/added_tokens/0", "/added_tokens/0/id", "/added_tokens/0/content",
        "/added_tokens/0/lstrip", "/model/vocab/a", "/model/merges/0"}) {
    for (const Json& value :
         {Json(1.5), Json("x"), Json(Json::array({1})), Json(Json::object({{"x", 1}})), Json(true)}) {
      if (value.is_string() && (path.ends_with("content") || path.ends_with("unk_token"))) continue;
      if (value.is_boolean() && (path.ends_with("fallback") || path.ends_with("fuse_unk") ||
                                 path.ends_with("ignore_merges") || path.ends_with("lstrip"))) {
        continue;
      }
      EXPECT_THAT(error_with(path, value), testing::StartsWith("t.json: ")) << path << " " << value;
    }
  }
}

TEST(DamagedTokenizerJson, ComponentsWithoutTheirParts) {
  EXPECT_THAT(error_with("/normalizer", {{"type", "Replace"}, {"content", ""}}), HasSubstr("'pattern' is missing"));
  EXPECT_THAT(error_with("/normalizer", {{"type", "Replace"}, {"content", ""}, {"pattern", {{"String", ""}}}}),
              HasSubstr("the pattern is empty"));
  EXPECT_THAT(error_with("/normalizer", {{"type", "Replace"}, {"content", ""}, {"pattern", {{"Glob", "x"}}}}),
              HasSubstr("one of 'String' and 'Regex'"));
  EXPECT_THAT(error_with("/pre_tokenizer", {{"type", "Metaspace"}, {"replacement", "ab"}}),
              HasSubstr("pre_tokenizer.replacement: expected one character"));
  EXPECT_THAT(error_with("/pre_tokenizer", {{"type", "Metaspace"}, {"replacement", "_"}, {"prepend_scheme", "last"}}),
              HasSubstr("the scheme 'last' is not known"));
  EXPECT_THAT(error_with("/pre_tokenizer", {{"type", "Punctuation"}, {"behavior", "Gone"}}),
              HasSubstr("the behavior 'Gone' is not known"));
  EXPECT_THAT(error_with("/decoder", {{"type", "Strip"}, {"content", " "}, {"start", -1}, {"stop", 0}}),
              HasSubstr("decoder.start: -1 is out of range"));
}

TEST(DamagedTokenizerJson, PatternsThatCannotBeUsed) {
  for (const char* regex : {"(", ")", "[a", "a**", "\\", "[[a]b]", "[a&&b]", "[\\W]", "(?x: a)", "(*FAIL)", "(?R)",
                            "\\C", "\\u12", "(?<=a+)b"}) {
    EXPECT_THAT(
        error_with("/pre_tokenizer", {{"type", "Split"}, {"behavior", "Isolated"}, {"pattern", {{"Regex", regex}}}}),
        HasSubstr("t.json: pre_tokenizer.pattern: the pattern"))
        << regex;
  }
}

TEST(DamagedTokenizerJson, Ids) {
  EXPECT_THAT(error_with("/model/vocab/abc", -1), HasSubstr("t.json: model.vocab: the id of 'abc' must be"));
  EXPECT_THAT(error_with("/model/vocab/abc", 5000000000), HasSubstr("the id of 'abc' must be"));
  EXPECT_THAT(error_with("/model/vocab/abc", 2147483647),
              HasSubstr("'abc' has the id 2147483647, but there are only 8 tokens"));
  EXPECT_THAT(error_with("/model/vocab/abc", 5), HasSubstr("have the same id 5"));
  EXPECT_THAT(error_with("/model/vocab/abc", 7), HasSubstr("'<s>' has the id 7, which is 'abc'"));
  EXPECT_THAT(error_with("/added_tokens/0/id", 3), HasSubstr("t.json: added_tokens: '<s>' has the id 3, which is 'c'"));
  EXPECT_THAT(error_with("/added_tokens/0/content", "ab"), HasSubstr("'ab' has the id 7, but 5"));
  EXPECT_THAT(error_with("/added_tokens/0/id", 2000000000),
              HasSubstr("'<s>' has the id 2000000000, but there are only 8"));
  EXPECT_THAT(error_with("/added_tokens/0/id", -1), HasSubstr("added_tokens[0]: the id -1"));
  const Json added = small_file()["added_tokens"][0];
  EXPECT_THAT(error_with("/added_tokens/1", added), HasSubstr("added_tokens[1]: '<s>' is there twice"));
}

TEST(DamagedTokenizerJson, AVocabularyWithAHole) {
  Json file = small_file();
  file["model"]["vocab"]["abcd"] = 8;
  EXPECT_EQ(error_of([&] { parse_file(file); }), "");  // <s> is 7
  file["added_tokens"][0]["id"] = 9;
  EXPECT_THAT(error_of([&] { parse_file(file); }),
              HasSubstr("t.json: model.vocab: ids go up to 8, but no token has the id 7"));
}

TEST(DamagedTokenizerJson, Merges) {
  EXPECT_THAT(error_with("/model/merges", {"a b", "a x"}),
              HasSubstr("t.json: model.merges: merge 1 needs the token 'x'"));
  EXPECT_THAT(error_with("/model/merges", {"b c"}), HasSubstr("merge 0 needs the token 'bc'"));
  EXPECT_THAT(error_with("/model/merges", {"a b c"}), HasSubstr("merge 0, 'a b c', is not two tokens"));
  EXPECT_THAT(error_with("/model/merges", Json::array({Json::array({"a"})})), HasSubstr("merge 0 is neither"));
}

TEST(DamagedTokenizerJson, TemplatesWithUnknownTokens) {
  const Json single = Json::array({{{"SpecialToken", {{"id", "x"}}}}, {{"Sequence", {{"id", "A"}}}}});
  Json part{{"type", "TemplateProcessing"}, {"single", single}, {"special_tokens", Json::object()}};
  EXPECT_THAT(error_with("/post_processor", part), HasSubstr("'x' is not among the special_tokens"));
  part["special_tokens"]["x"] = {{"ids", {99}}};
  EXPECT_THAT(error_with("/post_processor", part), HasSubstr("t.json: tokenizer.post_processor: adds the token id 99"));
  part["single"] = Json::array();
  EXPECT_THAT(error_with("/post_processor", part), HasSubstr("the sequence A is missing"));
}

TEST(HostileTokenizerJson, SequencesWithoutEnd) {
  Json deep{{"type", "Lowercase"}};
  for (int i = 0; i < 100; ++i) deep = {{"type", "Sequence"}, {"normalizers", Json::array({deep})}};
  EXPECT_THAT(error_with("/normalizer", deep), AllOf(HasSubstr("t.json: normalizer"), HasSubstr("nested more than")));
  Json wide{{"type", "Sequence"}, {"normalizers", Json::array()}};
  for (int i = 0; i < 10000; ++i) wide["normalizers"].push_back({{"type", "NFKD"}});
  EXPECT_THAT(error_with("/normalizer", wide), HasSubstr("more than 256 components"));
}

TEST(HostileTokenizerJson, PatternsThatBacktrackWithoutEnd) {
  const std::string text = std::string(20000, 'a') + "!b";
  for (const char* regex : {"(a+)+$", "(?:a|a)*b", "a*a*a*a*b", "(?:a?){30}a{30}b", "(.*)*\\d", "(?=(a+)+b)x"}) {
    Json file = small_file();
    file["pre_tokenizer"] = {{"type", "Split"}, {"behavior", "Isolated"}, {"pattern", {{"Regex", regex}}}};
    const auto form = parse_file(file);
    const auto start = std::chrono::steady_clock::now();
    const std::string error = error_of([&] { form->encode(text, false); });
    EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(100)) << regex;
    if (std::string_view(regex) == "a*a*a*a*b" || std::string_view(regex) == "(?:a|a)*b") {
      EXPECT_THAT(error, HasSubstr("t.json: pre_tokenizer.pattern: the pattern backtracks without end")) << regex;
    }
  }
}

TEST(HostileTokenizerJson, TextsThatGrowWithoutEnd) {
  Json normalizers = Json::array();
  for (int i = 0; i < 40; ++i) {
    normalizers.push_back({{"type", "Replace"}, {"pattern", {{"String", "a"}}}, {"content", "aa"}});
  }
  Json file = small_file();
  file["normalizer"] = {{"type", "Sequence"}, {"normalizers", normalizers}};
  EXPECT_THAT(error_of([&] { ids_of(file, "a"); }), HasSubstr("t.json: normalizer.normalizers["));
  EXPECT_THAT(error_with("/normalizer", {{"type", "Prepend"}, {"prepend", std::string(1000, 'a')}}),
              HasSubstr("too long"));
}

TEST(HostileTokenizerJson, AMillionAddedTokens) {
  Json file = small_file();
  Json& added = file["added_tokens"];
  added.clear();
  for (int i = 0; i < 200000; ++i) {  // five times as many take five times as long
    added.push_back({{"id", 7 + i},
                     {"content", "<" + std::string(static_cast<std::size_t>(i % 50), 'a') + std::to_string(i)},
                     {"normalized", i % 2 == 0}});
  }
  const auto start = std::chrono::steady_clock::now();
  const auto form = parse_file(file);
  std::string text;
  for (int i = 0; i < 20000; ++i) text += "<aaaaaaaaaaaaaaaaaaaaaaaaaaaa ";
  EXPECT_GT(form->encode(text, false).size(), 20000U);
  EXPECT_EQ(form->encode("<aa3", false), (std::vector<std::int32_t>{0, 1, 1, 0}));
  EXPECT_EQ(form->encode("<aa52", false), (std::vector<std::int32_t>{59}));
  EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(60));
}

}  // namespace
}  // namespace inferbench::tokenizer_json
