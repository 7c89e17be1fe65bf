// SPDX-License-Identifier: Apache-2.0
// Each component of tokenizer.json by itself. Expected values are those of Hugging Face's tokenizers.
#include <gmock/gmock.h>

#include <string>
#include <vector>

#include "text/tokenizer_json/added_tokens.hpp"
#include "text/tokenizer_json/decoders.hpp"
#include "text/tokenizer_json/normalizers.hpp"
#include "text/tokenizer_json/post_processors.hpp"
#include "text/tokenizer_json/pre_tokenizers.hpp"
#include "unit/tokenizer_json_support.hpp"

namespace inferbench::tokenizer_json {
namespace {

using Ids = std::vector<std::int32_t>;
using Texts = std::vector<std::string>;

std::string normalized(const std::string& json, const std::string& text, bool continues = false) {
  const auto normalizers = read_part(json, read_normalizers);
  WorkLimit limit(text.size());
  return normalize(normalizers, text, continues, limit);
}

Texts cut(const std::string& json, const std::string& text, bool at_start = true) {
  const auto pre_tokenizers = read_part(json, read_pre_tokenizers);
  WorkLimit limit(text.size());
  Pieces pieces(text, at_start);
  pre_tokenize(pre_tokenizers, pieces, limit);
  Texts texts;
  for (const Pieces::Range range : pieces.ranges) texts.emplace_back(pieces.view(range));
  return texts;
}

std::string decoded(const std::string& json, const Texts& tokens) {
  std::optional<std::vector<Decoder>> decoders;
  if (!json.empty()) decoders = read_part(json, read_decoders);
  const auto stages = make_decode_stages(decoders);
  std::string text;
  for (const std::string& token : tokens) stages->push(token, true, true, text);
  stages->finish(text);
  return text;
}

Texts split(const std::string& regex, const std::string& behavior, const std::string& text, bool invert = false) {
  const nlohmann::json json{
      {"type", "Split"}, {"pattern", {{"Regex", regex}}}, {"behavior", behavior}, {"invert", invert}};
  return cut(json.dump(), text);
}

TEST(JsonNormalizers, UnicodeForms) {
  EXPECT_EQ(normalized(R"({"type": "NFC"})", "e\u0301 \uFB01"), "\u00E9 \uFB01");
  EXPECT_EQ(normalized(R"({"type": "NFD"})", "\u00E9 \uFB01"), "e\u0301 \uFB01");
  EXPECT_EQ(normalized(R"({"type": "NFKC"})", "e\u0301 \uFB01"), "\u00E9 fi");
  EXPECT_EQ(normalized(R"({"type": "NFKD"})", "\u00E9 \uFB01"), "e\u0301 fi");
}

TEST(JsonNormalizers, PrependIsNotForEmptyOrContinuedTexts) {
  const std::string json = R"({"type": "Prepend", "prepend": "_"})";
  EXPECT_EQ(normalized(json, "a"), "_a");
  EXPECT_EQ(normalized(json, ""), "");
  EXPECT_EQ(normalized(json, "a", true), "a");
}

TEST(JsonNormalizers, ReplaceTakesTheContentAsItIs) {
  EXPECT_EQ(normalized(R"({"type": "Replace", "pattern": {"String": "a."}, "content": "$0"})", "a.ab"), "$0ab");
  EXPECT_EQ(normalized(R"({"type": "Replace", "pattern": {"Regex": "a."}, "content": "$0"})", "a.ab"), "$0$0");
  EXPECT_EQ(normalized(R"({"type": "Replace", "pattern": {"Regex": "x*"}, "content": "-"})", "axb"), "-a-b-");
}

TEST(JsonNormalizers, LowercaseIsByCharacter) {
  EXPECT_EQ(normalized(R"({"type": "Lowercase"})", "A\u00C9\u03A3\u0130\u4E2D"), "a\u00E9\u03C3i\u0307\u4E2D");
}

TEST(JsonNormalizers, StripAndSequence) {
  EXPECT_EQ(normalized(R"({"type": "Strip", "strip_left": true, "strip_right": false})", "\u3000 a \n"), "a \n");
  EXPECT_EQ(normalized(R"({"type": "Strip", "strip_left": false, "strip_right": true})", " a \u00A0\n"), " a");
  EXPECT_EQ(normalized(R"({"type": "Strip", "strip_left": true, "strip_right": true})", " \n"), "");
  EXPECT_EQ(normalized(R"({"type": "Sequence", "normalizers": [{"type": "Lowercase"}, {"type": "Sequence",
                           "normalizers": [{"type": "Prepend", "prepend": "X"}]}]})",
                       "AB"),
            "Xab");
}

TEST(JsonPreTokenizers, SplitBehaviors) {
  EXPECT_EQ(split("-", "Removed", "-a--b"), (Texts{"a", "b"}));
  EXPECT_EQ(split("-", "Isolated", "-a--b"), (Texts{"-", "a", "-", "-", "b"}));
  EXPECT_EQ(split("-", "MergedWithPrevious", "-a--b"), (Texts{"-", "a-", "-", "b"}));
  EXPECT_EQ(split("-", "MergedWithNext", "-a--b"), (Texts{"-a", "-", "-b"}));
  EXPECT_EQ(split("-", "Contiguous", "-a--b"), (Texts{"-", "a", "--", "b"}));
  EXPECT_EQ(split("-", "Removed", "-a--b", true), (Texts{"-", "-", "-"}));
  EXPECT_EQ(split("-", "MergedWithNext", "-a--b", true), (Texts{"-", "a-", "-", "b"}));
  EXPECT_EQ(cut(R"({"type": "Split", "pattern": {"String": "."}, "behavior": "Isolated"})", "a.b"),
            (Texts{"a", ".", "b"}));
}

TEST(JsonPreTokenizers, PatternsAreOnigurumas) {
  EXPECT_EQ(split(R"(\s+(?!\S)|\s+)", "Isolated", "a   b"), (Texts{"a", "  ", " ", "b"}));
  EXPECT_EQ(split(R"((?i:'s)|\p{L}++)", "Removed", "a'S1"), (Texts{"1"}));
  EXPECT_EQ(split(R"((?i)b|c)", "Removed", "aBCd"), (Texts{"a", "d"}));      // the option reaches over the alternative
  EXPECT_EQ(split(R"(a(?i)b|c)", "Removed", "xaC"), (Texts{"x"}));           // which is within what follows the a
  EXPECT_EQ(split(R"(\d{1,2}+)", "Removed", "a12345b"), (Texts{"a", "b"}));  // repeated, not possessive
  EXPECT_EQ(split(R"(x\d{2}?)", "Removed", "x1"), (Texts{"1"}));             // optional, not lazy
  EXPECT_EQ(split(R"([\d]{,2}b)", "Removed", "123b"), (Texts{"1"}));
  EXPECT_EQ(split(R"(\h+)", "Removed", "xyfF0 "), (Texts{"xy", " "}));
  EXPECT_EQ(split(R"(\u0062)", "Removed", "abc"), (Texts{"a", "c"}));
  EXPECT_EQ(split(R"((?m:a.))", "Removed", "a\nb"), (Texts{"b"}));
  EXPECT_EQ(split(R"(a.)", "Removed", "a\nb"), (Texts{"a\nb"}));
  EXPECT_EQ(split(R"(^b$)", "Removed", "a\nb\nc"), (Texts{"a\n", "\nc"}));
  EXPECT_EQ(split(R"(\s)", "Removed", "a\u180Eb\u0085c"), (Texts{"a\u180Eb", "c"}));
  EXPECT_EQ(split(R"(\w+)", "Removed", "e\u0301_\u2160\u00B2-"), (Texts{"-"}));
  EXPECT_EQ(split(R"([\w]+)", "Removed", "e\u0301_\u2160\u00B2-"), (Texts{"\u00B2-"}));
  EXPECT_EQ(split(R"(\bth)", "Isolated", "\u0962the the"), (Texts{"\u0962the ", "th", "e"}));
  EXPECT_EQ(split(R"([\]\[\\^-])", "Removed", "a[b]c\\d-"), (Texts{"a", "b", "c", "d"}));
  EXPECT_EQ(split(R"((?#note)b)", "Removed", "abc"), (Texts{"a", "c"}));
}

TEST(JsonPreTokenizers, ByteLevel) {
  const std::string plain = R"({"type": "ByteLevel", "add_prefix_space": false, "use_regex": false})";
  EXPECT_EQ(cut(plain, "a b\u00E9"), (Texts{"a\u0120b\u00C3\u00A9"}));
  EXPECT_EQ(cut(R"({"type": "ByteLevel", "add_prefix_space": true})", "a b"), (Texts{"\u0120a", "\u0120b"}));
  EXPECT_EQ(cut(R"({"type": "ByteLevel", "add_prefix_space": true})", " a"), (Texts{"\u0120a"}));
}

TEST(JsonPreTokenizers, MetaspaceSchemes) {
  const auto json = [](const std::string& scheme, bool split) {
    return nlohmann::json{{"type", "Metaspace"}, {"replacement", "_"}, {"prepend_scheme", scheme}, {"split", split}}
        .dump();
  };
  EXPECT_EQ(cut(json("always", true), "a  b"), (Texts{"_a", "_", "_b"}));
  EXPECT_EQ(cut(json("always", false), "a b", false), (Texts{"_a_b"}));
  EXPECT_EQ(cut(json("always", false), " a"), (Texts{"_a"}));
  EXPECT_EQ(cut(json("always", false), "_a"), (Texts{"_a"}));
  EXPECT_EQ(cut(json("first", false), "a b"), (Texts{"_a_b"}));
  EXPECT_EQ(cut(json("first", false), "a b", false), (Texts{"a_b"}));
  EXPECT_EQ(cut(json("never", true), "a b"), (Texts{"a", "_b"}));
  EXPECT_EQ(cut(R"({"type": "Metaspace", "replacement": "_", "add_prefix_space": false})", "a b"), (Texts{"a", "_b"}));
  EXPECT_EQ(cut(R"({"type": "Metaspace", "replacement": "_", "add_prefix_space": true})", "a b"), (Texts{"_a", "_b"}));
  // Only the first piece of the text is the first.
  const std::string two = R"({"type": "Sequence", "pretokenizers": [{"type": "Digits", "individual_digits": true}, )";
  EXPECT_EQ(cut(two + json("first", false) + "]}", "a1b"), (Texts{"_a", "1", "b"}));
}

TEST(JsonPreTokenizers, DigitsAndPunctuation) {
  EXPECT_EQ(cut(R"({"type": "Digits", "individual_digits": true})", "a12\u0663"), (Texts{"a", "1", "2", "\u0663"}));
  EXPECT_EQ(cut(R"({"type": "Digits", "individual_digits": false})", "12a\u00BD3"), (Texts{"12", "a", "\u00BD3"}));
  EXPECT_EQ(cut(R"({"type": "Punctuation"})", "a$\u3002b"), (Texts{"a", "$", "\u3002", "b"}));
  EXPECT_EQ(cut(R"({"type": "Punctuation", "behavior": "Contiguous"})", "a.!b"), (Texts{"a", ".!", "b"}));
}

Texts found(const std::vector<AddedToken>& tokens, const std::string& text) {
  Texts parts;
  AddedTokenFinder(tokens).split(
      text, [&](std::string_view part) { parts.emplace_back(part); },
      [&](std::int32_t id) { parts.push_back("#" + std::to_string(id)); });
  return parts;
}

TEST(JsonAddedTokens, TheLongestOfTheLeftmost) {
  EXPECT_EQ(found({{"<a>", 1}, {"<a>b", 2}, {"b<", 3}}, "x<a>b<a>"), (Texts{"x", "#2", "#1"}));
  EXPECT_EQ(found({{"aab", 1}, {"a", 2}}, "aaab"), (Texts{"#2", "#1"}));
  EXPECT_EQ(found({}, "abc"), (Texts{"abc"}));
}

TEST(JsonAddedTokens, StripAndSingleWord) {
  AddedToken token{"<m>", 1};
  token.lstrip = true;
  EXPECT_EQ(found({token}, "a \u3000<m> b"), (Texts{"a", "#1", " b"}));
  token.lstrip = false;
  token.rstrip = true;
  EXPECT_EQ(found({token}, "a <m> \n b"), (Texts{"a ", "#1", "b"}));
  AddedToken newline{"\n", 3};
  newline.rstrip = true;
  EXPECT_EQ(found({newline}, "a\n \n\nb"), (Texts{"a", "#3", "#3", "#3", "b"}));  // as the published library
  newline.lstrip = true;
  EXPECT_EQ(found({newline}, "a\n b"), (Texts{"a", "#3", "b"}));
  AddedToken word{"the", 2};
  word.single_word = true;
  EXPECT_EQ(found({word}, "the other the_ the."), (Texts{"#2", " other the_ ", "#2", "."}));
}

TEST(JsonAddedTokens, NormalizedOnesAreSoughtInTheNormalizedText) {
  nlohmann::json file = small_file();
  file["normalizer"] = {{"type", "Lowercase"}};
  file["added_tokens"].push_back({{"id", 8}, {"content", "Xy"}, {"normalized", true}, {"special", false}});
  file["added_tokens"].push_back({{"id", 9}, {"content", "Zz"}, {"normalized", false}, {"special", false}});
  EXPECT_EQ(ids_of(file, "xYA"), (Ids{8, 1}));
  EXPECT_EQ(ids_of(file, "Zza"), (Ids{9, 1}));
  EXPECT_EQ(ids_of(file, "zza"), (Ids{0, 0, 1}));
}

TEST(JsonBpe, MergesAndUnknownTokens) {
  nlohmann::json file = small_file();
  EXPECT_EQ(ids_of(file, "abcab"), (Ids{6, 5}));
  EXPECT_EQ(ids_of(file, "xyaz"), (Ids{0, 0, 1, 0}));
  file["model"]["fuse_unk"] = true;
  EXPECT_EQ(ids_of(file, "xyaz"), (Ids{0, 1, 0}));
  file["model"]["unk_token"] = nullptr;
  EXPECT_EQ(ids_of(file, "xyaz"), (Ids{1}));
  file["model"]["merges"] = nlohmann::json::parse(R"([["b", "c"]])");
  EXPECT_THAT(error_of([&] { parse_file(file); }), testing::HasSubstr("'bc'"));
  file["model"]["merges"] = nlohmann::json::parse(R"([["a", "b"]])");
  EXPECT_EQ(ids_of(file, "abc"), (Ids{5, 3}));
}

TEST(JsonBpe, IgnoreMerges) {
  nlohmann::json file = small_file();
  file["model"]["vocab"]["ca"] = 8;
  EXPECT_EQ(ids_of(file, "ca"), (Ids{3, 1}));
  file["model"]["ignore_merges"] = true;
  EXPECT_EQ(ids_of(file, "ca"), (Ids{8}));
  EXPECT_EQ(ids_of(file, "cab"), (Ids{3, 5}));
}

TEST(JsonBpe, ByteFallback) {
  nlohmann::json file = small_file();
  file["model"]["vocab"]["<0xC3>"] = 8;
  file["model"]["vocab"]["<0xA9>"] = 9;
  EXPECT_EQ(ids_of(file, "\u00E9"), (Ids{0}));
  file["model"]["byte_fallback"] = true;
  EXPECT_EQ(ids_of(file, "\u00E9"), (Ids{8, 9}));
  EXPECT_EQ(ids_of(file, "\u00E8"), (Ids{0}));  // a byte is missing
}

// Pieces above 64 bytes are cut between characters that no merge joins; the ids are those of the uncut ones.
TEST(JsonBpe, LongPiecesAreCutWhereNothingChanges) {
  nlohmann::json file = small_file();
  std::string text;
  Ids expected;
  for (int i = 0; i < 40; ++i) {
    text += "abcxyab\u2581";
    expected.insert(expected.end(), {6, 0, 0, 5, 4});
  }
  EXPECT_EQ(ids_of(file, text), expected);
  file["model"]["fuse_unk"] = true;
  expected.clear();
  for (int i = 0; i < 40; ++i) expected.insert(expected.end(), {6, 0, 5, 4});
  EXPECT_EQ(ids_of(file, text), expected);
}

TEST(JsonPostProcessors, Templates) {
  const std::string special =
      R"("special_tokens": {"<s>": {"id": "<s>", "ids": [7]}, "x": {"id": "x", "ids": [1, 2]}})";
  const std::string single = R"({"type": "TemplateProcessing", "single": [{"SpecialToken": {"id": "<s>"}},
                                 {"Sequence": {"id": "A"}}, {"SpecialToken": {"id": "x"}}], )" +
                             special + "}";
  const Surrounding around = read_part(single, read_post_processor);
  EXPECT_EQ(around.before, (Ids{7}));
  EXPECT_EQ(around.after, (Ids{1, 2}));
  const Surrounding none = read_part(R"({"type": "ByteLevel"})", read_post_processor);
  EXPECT_TRUE(none.before.empty() && none.after.empty());
  nlohmann::json file = small_file();
  file["post_processor"] = {{"type", "Sequence"},
                            {"processors", {{{"type", "ByteLevel"}}, nlohmann::json::parse(single)}}};
  EXPECT_EQ(parse_file(file)->add_special({5}), (Ids{7, 5, 1, 2}));
}

TEST(JsonDecoders, EachOfThem) {
  EXPECT_EQ(decoded("", {"a", "b"}), "a b");
  EXPECT_EQ(decoded(R"({"type": "ByteLevel"})", {"\u0120a", "\u00C3", "\u00A9", "<\u4E2D>"}), " a\u00E9<\u4E2D>");
  EXPECT_EQ(decoded(R"({"type": "Replace", "pattern": {"String": "_"}, "content": " "})", {"_a_", "b"}), " a b");
  EXPECT_EQ(decoded(R"({"type": "ByteFallback"})", {"a", "<0xC3>", "<0xA9>", "<0x4>", "<0xZZ>"}), "a\u00E9<0x4><0xZZ>");
  EXPECT_EQ(decoded(R"({"type": "Strip", "content": "_", "start": 1, "stop": 0})", {"__a", "_b_"}), "_ab_");
  EXPECT_EQ(decoded(R"({"type": "Strip", "content": "_", "start": 0, "stop": 2})", {"a_", "b___", "_"}), "ab_");
  EXPECT_EQ(decoded(R"({"type": "Metaspace", "replacement": "_"})", {"_a_", "_b"}), "a b");
  EXPECT_EQ(decoded(R"({"type": "Metaspace", "replacement": "_", "prepend_scheme": "never"})", {"_a", "_b"}), " a b");
}

TEST(JsonDecoders, AfterFuseThereIsOneToken) {
  const auto sequence = [](const std::string& last) {
    return R"({"type": "Sequence", "decoders": [{"type": "ByteFallback"}, {"type": "Fuse"}, )" + last + "]}";
  };
  EXPECT_EQ(decoded(sequence(R"({"type": "Strip", "content": " ", "start": 1, "stop": 1})"), {" a", " b", " "}), "a b");
  EXPECT_EQ(decoded(sequence(R"({"type": "Strip", "content": " ", "start": 2, "stop": 0})"), {" ", " ", " b"}), " b");
  EXPECT_EQ(decoded(sequence(R"({"type": "Replace", "pattern": {"String": "ab"}, "content": "x"})"), {"a", "b", "c"}),
            "xc");
  EXPECT_EQ(decoded(sequence(R"({"type": "Metaspace", "replacement": "_"})"), {"_a", "_b"}), "ab");
}

}  // namespace
}  // namespace inferbench::tokenizer_json
