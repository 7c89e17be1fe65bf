// SPDX-License-Identifier: Apache-2.0
// Tokenizers from tokenizer.json as wholes: the reference's ids and texts of each pipeline, streams, long texts.
#include <gmock/gmock.h>
#include <unistd.h>

#include <chrono>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <string>

#include "support/error.hpp"
#include "support/files.hpp"
#include "support/test_paths.hpp"
#include "text/stream_decoder.hpp"
#include "text/token_stream.hpp"
#include "text/tokenizer.hpp"
#include "unit/tokenizer_json_support.hpp"

namespace inferbench {
namespace {

using Ids = std::vector<std::int32_t>;

class Pipeline : public testing::TestWithParam<std::string> {
 protected:
  std::string folder_ = std::string(test_paths::kData) + "/tokenizers/" + GetParam();
  Tokenizer tokenizer_ = Tokenizer::load(folder_);
  nlohmann::json cases_ = nlohmann::json::parse(read_file(folder_ + "/cases.json"));
};

INSTANTIATE_TEST_SUITE_P(Tokenizers, Pipeline,
                         testing::Values("bytelevel-llama3", "bytelevel-qwen2", "spm-gemma", "spm-llama2",
                                         "spm-mistral"),
                         [](const auto& one) {
                           std::string name = one.param;
                           std::erase(name, '-');
                           return name;
                         });

TEST_P(Pipeline, GivesTheReferenceIdsAndTextOfEveryCase) {
  ASSERT_GE(cases_.size(), 100U);
  for (const auto& one : cases_) {
    const auto text = one.at("text").get<std::string>();
    const Ids ids = tokenizer_.encode(text);
    EXPECT_EQ(ids, one.at("ids_without_special").get<Ids>()) << text;
    EXPECT_EQ(tokenizer_.add_special(ids), one.at("ids").get<Ids>()) << text;
    EXPECT_EQ(tokenizer_.decode(ids), one.at("decoded").get<std::string>()) << text;
  }
}

TEST_P(Pipeline, AStreamGivesTheSameTextAndNeverSplitsACharacter) {
  for (const auto& one : cases_) {
    const Ids ids = one.at("ids_without_special").get<Ids>();
    StreamDecoder stream(tokenizer_);
    std::string text;
    for (const std::int32_t id : ids) {
      const std::string shown = stream.push(id);
      EXPECT_TRUE(simdjson::validate_utf8(shown.data(), shown.size()));
      text += shown;
    }
    EXPECT_EQ(text + stream.flush(), tokenizer_.decode(ids));
  }
}

TEST_P(Pipeline, AStreamInTheMiddleOfATextKeepsItsSpaces) {
  const Ids before = tokenizer_.encode("quick");
  const Ids all = tokenizer_.encode("quick the");
  ASSERT_GT(all.size(), before.size());
  StreamDecoder stream(tokenizer_, before);
  std::string text;
  for (std::size_t i = before.size(); i < all.size(); ++i) text += stream.push(all[i]);
  EXPECT_EQ(text + stream.flush(), " the");
}

TEST_P(Pipeline, BytesThatAreNotUtf8ComeBack) {
  for (const std::string text : {"\xff", "a\xff", "caf\xc3", "a\xff z", "\x80\x80\x80", "x\xf0\x9f\x99y"}) {
    EXPECT_EQ(tokenizer_.decode(tokenizer_.encode(text)), text) << testing::PrintToString(text);
  }
}

TEST_P(Pipeline, AnUnknownIdIsRefusedOrShownAsUnknown) {
  EXPECT_THROW(tokenizer_.decode(Ids{tokenizer_.size()}), Error);
  EXPECT_THROW(tokenizer_.decode(Ids{-1}), Error);
  StreamDecoder stream(tokenizer_);
  EXPECT_EQ(stream.push(tokenizer_.size()) + stream.flush(), "\uFFFD");
}

// Bounds that a quadratic algorithm misses by hours, and a busy machine keeps.
TEST_P(Pipeline, AMegabyteIsNeverQuadratic) {
  constexpr std::size_t kMegabyte = 1 << 20;
  std::string prose;
  while (prose.size() < kMegabyte) prose += read_file(std::string(test_paths::kData) + "/shakespeare/validation.txt");
  for (const std::string& text : {prose, std::string(kMegabyte, 'a'), "x" + std::string(kMegabyte, ' ') + "x"}) {
    const auto start = std::chrono::steady_clock::now();
    const Ids ids = tokenizer_.encode(text);
    EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(60));
    EXPECT_THAT(tokenizer_.decode(ids), testing::EndsWith(text));
  }
}

TEST_P(Pipeline, AStreamOfAFileIsTheWholeFile) {
  const std::string file = std::string(test_paths::kData) + "/shakespeare/validation.txt";
  const Ids expected = tokenizer_.encode(read_file(file));
  TokenStream stream(tokenizer_, file, 1000);
  EXPECT_EQ(stream.read(expected.size() + 1), expected);
}

TEST(JsonTokenizer, IsPreferredToGpt2sFiles) {
  namespace fs = std::filesystem;
  const fs::path folder = fs::temp_directory_path() / ("inferbench-both-forms-" + std::to_string(getpid()));
  fs::create_directories(folder);
  std::ofstream(folder / "tokenizer.json") << tokenizer_json::small_file().dump();
  std::ofstream(folder / "vocab.json") << "damaged";
  std::ofstream(folder / "merges.txt") << "damaged";
  EXPECT_EQ(Tokenizer::load(folder).encode("abc"), (Ids{6}));
  fs::remove_all(folder);
}

TEST(JsonTokenizer, FindsTokensByTheirText) {
  const auto form = tokenizer_json::parse_file(tokenizer_json::small_file());
  EXPECT_EQ(form->find_token("<s>"), 7);
  EXPECT_EQ(form->find_token("ab"), 5);
  EXPECT_EQ(form->find_token("x"), std::nullopt);
  EXPECT_EQ(form->size(), 8);
}

TEST(JsonTokenizer, AddedTokensThatTheModelDoesNotKnowAreText) {
  EXPECT_EQ(tokenizer_json::ids_of(tokenizer_json::small_file(), "a<s>"), (Ids{1, 7}));
  const auto form = tokenizer_json::parse_file(tokenizer_json::small_file(), 7);
  EXPECT_EQ(form->encode("a<s>", false), (Ids{1, 0, 0, 0}));
  EXPECT_EQ(form->size(), 7);
}

}  // namespace
}  // namespace inferbench
