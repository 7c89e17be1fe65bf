// SPDX-License-Identifier: Apache-2.0
// The tokenizers of GGUF files: the same ids as from the tokenizer.json that their metadata were made of.
#include <gmock/gmock.h>
#include <unistd.h>

#include <cmath>
#include <filesystem>
#include <fstream>
#include <map>
#include <nlohmann/json.hpp>
#include <string>

#include "model/gguf/gguf_file.hpp"
#include "support/error.hpp"
#include "support/files.hpp"
#include "support/gguf_writer.hpp"
#include "support/test_paths.hpp"
#include "text/chat.hpp"
#include "text/gguf_tokenizer.hpp"
#include "text/gguf_vocabulary.hpp"
#include "text/tokenizer.hpp"

namespace inferbench {
namespace {

namespace fs = std::filesystem;
using Ids = std::vector<std::int32_t>;
using Json = nlohmann::json;
using testing::AllOf;
using testing::HasSubstr;

constexpr std::int32_t kNormal = 1;
constexpr std::int32_t kUnknown = 2;
constexpr std::int32_t kControl = 3;
constexpr std::int32_t kByte = 6;

struct Lists {
  std::vector<std::string> tokens;
  std::vector<std::int32_t> kinds;
};

Lists lists_of(const Json& file) {
  const Json& vocab = file["model"]["vocab"];
  Lists lists;
  lists.tokens.resize(vocab.size() + file["added_tokens"].size());
  std::size_t size = 0;
  const auto set = [&](std::size_t id, const std::string& text, std::int32_t kind) {
    lists.kinds.resize(lists.tokens.size(), kNormal);
    lists.tokens[id] = text;
    lists.kinds[id] = kind;
    size = std::max(size, id + 1);
  };
  for (const auto& [text, id] : vocab.items()) {
    const bool is_byte = text.size() == 6 && text.starts_with("<0x");
    set(id.get<std::size_t>(), text, text == "<unk>" ? kUnknown : is_byte ? kByte : kNormal);
  }
  for (const Json& added : file["added_tokens"]) {
    if (added["content"] != "<unk>") set(added["id"].get<std::size_t>(), added["content"], kControl);
  }
  lists.tokens.resize(size);
  lists.kinds.resize(size);
  return lists;
}

GgufWriter byte_level(const Json& file, const std::string& pre) {
  const Lists lists = lists_of(file);
  std::vector<std::string> merges;
  for (const Json& merge : file["model"]["merges"]) {
    merges.push_back(merge.is_string() ? merge.get<std::string>()
                                       : merge[0].get<std::string>() + " " + merge[1].get<std::string>());
  }
  GgufWriter writer;
  writer.add_text("tokenizer.ggml.model", "gpt2");
  writer.add_text("tokenizer.ggml.pre", pre);
  writer.add_texts("tokenizer.ggml.tokens", lists.tokens);
  writer.add_i32s("tokenizer.ggml.token_type", lists.kinds);
  writer.add_texts("tokenizer.ggml.merges", merges);
  return writer;
}

// Scores fall with the merges, which make each token once; single characters come last.
GgufWriter sentence_piece(const Json& file, bool prefix) {
  const Lists lists = lists_of(file);
  std::map<std::string, float> scores;
  float score = 0;
  for (const Json& merge : file["model"]["merges"]) {
    const std::string left = merge.is_string() ? "" : merge[0].get<std::string>();
    const auto text = merge.is_string() ? merge.get<std::string>() : left + merge[1].get<std::string>();
    std::string joined = text;
    if (merge.is_string()) std::erase(joined, ' ');
    scores.emplace(joined, score--);
  }
  std::vector<float> list;
  for (const std::string& token : lists.tokens) list.push_back(scores.contains(token) ? scores[token] : score);
  GgufWriter writer;
  writer.add_text("tokenizer.ggml.model", "llama");
  writer.add_texts("tokenizer.ggml.tokens", lists.tokens);
  writer.add_i32s("tokenizer.ggml.token_type", lists.kinds);
  writer.add_f32s("tokenizer.ggml.scores", list);
  writer.add_u32("tokenizer.ggml.bos_token_id", 1);
  writer.add_u32("tokenizer.ggml.unknown_token_id", 0);
  writer.add_bool("tokenizer.ggml.add_space_prefix", prefix);
  return writer;
}

class GgufTokenizer : public testing::Test {
 protected:
  ~GgufTokenizer() override { fs::remove(path_); }

  Tokenizer load(const GgufWriter& writer) {
    std::ofstream(path_, std::ios::binary) << writer.bytes();
    return Tokenizer::load(path_);
  }
  std::string error(const GgufWriter& writer) {
    try {
      load(writer);
    } catch (const Error& error) {
      EXPECT_FALSE(error.cure().empty()) << error.what();
      return std::string(error.what()) + " | " + error.cure();
    }
    return "";
  }
  static Json file_of(const std::string& name) {
    return Json::parse(read_file(fs::path(test_paths::kData) / name / "tokenizer.json"));
  }
  /// `skip`: text that GGUF can't say how to treat.
  static void compare(const Tokenizer& tokenizer, const std::string& name, const std::string& skip = "<mask>") {
    const Json cases = Json::parse(read_file(fs::path(test_paths::kData) / name / "cases.json"));
    std::size_t n = 0;
    for (const Json& one : cases) {
      const auto text = one.at("text").get<std::string>();
      if (text.find(skip) != std::string::npos) continue;
      const Ids ids = tokenizer.encode(text);
      EXPECT_EQ(ids, one.at("ids_without_special").get<Ids>()) << text;
      EXPECT_EQ(tokenizer.add_special(ids), one.at("ids").get<Ids>()) << text;
      EXPECT_EQ(tokenizer.decode(ids), one.at("decoded").get<std::string>()) << text;
      ++n;
    }
    EXPECT_GE(n, 90U);
  }
  const fs::path& path() const { return path_; }

 private:
  fs::path path_ = fs::temp_directory_path() / ("inferbench-text-" + std::to_string(::getpid()) + ".gguf");
};

TEST_F(GgufTokenizer, Llama3) {
  GgufWriter writer = byte_level(file_of("tokenizers/bytelevel-llama3"), "llama-bpe");
  writer.add_u32("tokenizer.ggml.bos_token_id", 900);
  compare(load(writer), "tokenizers/bytelevel-llama3");
}

TEST_F(GgufTokenizer, Qwen2) {
  compare(load(byte_level(file_of("tokenizers/bytelevel-qwen2"), "qwen2")), "tokenizers/bytelevel-qwen2");
}

TEST_F(GgufTokenizer, SentencePieceWithASpaceInFront) {
  compare(load(sentence_piece(file_of("tokenizers/spm-llama2"), true)), "tokenizers/spm-llama2");
}

TEST_F(GgufTokenizer, SentencePieceWithoutOne) {
  compare(load(sentence_piece(file_of("tokenizers/spm-gemma"), false)), "tokenizers/spm-gemma");
}

TEST_F(GgufTokenizer, Gpt2) {
  const fs::path folder = fs::path(test_paths::kData) / "shakespeare-llama";
  const Tokenizer tokenizer = load(byte_level(file_of("shakespeare-llama"), "gpt-2"));
  const Tokenizer expected = Tokenizer::load(folder);
  const std::string text = read_file(fs::path(test_paths::kData) / "shakespeare" / "validation.txt").substr(0, 20000) +
                           "<|endoftext|>  x 12\n\n";
  EXPECT_EQ(tokenizer.encode(text), expected.encode(text));
  EXPECT_EQ(tokenizer.decode(tokenizer.encode(text)), text);
  EXPECT_EQ(tokenizer.find_token("<|endoftext|>"), 1023);
}

// The patterns that no other test uses, by what they must cut: no merge joins what a pattern separates.
TEST_F(GgufTokenizer, PatternsCutTextWhereTheyShould) {
  Json file;
  file["added_tokens"] = Json::array();
  file["model"]["vocab"] = {{"1", 0},  {"2", 1},  {"12", 2},     {"a", 3}, {"B", 4},
                            {"aB", 5}, {"Ba", 6}, {"\u0120", 7}, {"+", 8}, {"++", 9}};
  file["model"]["merges"] = {"1 2", "a B", "B a", "+ +"};
  const auto ids = [&](const char* pre, const std::string& text) {
    GgufWriter writer = byte_level(file, pre);
    writer.add_bool("tokenizer.ggml.add_bos_token", false);
    return load(writer).encode(text);
  };
  EXPECT_EQ(ids("gpt-2", "12"), Ids{2});
  EXPECT_EQ(ids("smollm", "12"), (Ids{0, 1}));
  EXPECT_EQ(ids("smollm", "aB++"), (Ids{5, 9}));
  EXPECT_EQ(ids("default", "12++"), (Ids{2, 9}));
  EXPECT_EQ(ids("tekken", "aBa"), (Ids{3, 6}));
  EXPECT_EQ(ids("tekken", "12"), (Ids{0, 1}));
  EXPECT_EQ(ids("llama3", "12"), Ids{2});
}

TEST_F(GgufTokenizer, EqualScoresMergeFromTheLeft) {
  const std::vector<GgufToken> tokens = {{"a", GgufTokenKind::kNormal, -9},   {"aa", GgufTokenKind::kNormal, -1},
                                         {"aaa", GgufTokenKind::kNormal, -2}, {"</s>", GgufTokenKind::kControl, 0},
                                         {"ab", GgufTokenKind::kNormal, -1},  {"b", GgufTokenKind::kNormal, -9}};
  const auto merges = merges_by_score(tokens);
  ASSERT_EQ(merges.size(), 4U);  // a a, a b; a aa, aa a
  EXPECT_EQ(merges[0].rank, merges[1].rank);
  EXPECT_EQ(merges[2].rank, merges[3].rank);
  EXPECT_LT(merges[1].rank, merges[2].rank);
  EXPECT_EQ(merges[1].left, "a");
  EXPECT_EQ(merges[1].right, "b");
}

TEST_F(GgufTokenizer, ChatTemplate) {
  GgufWriter writer = byte_level(file_of("tokenizers/bytelevel-llama3"), "llama-bpe");
  writer.add_u32("tokenizer.ggml.bos_token_id", 900);
  writer.add_u32("tokenizer.ggml.eos_token_id", 902);
  load(writer);
  EXPECT_EQ(read_chat_files(path()), std::nullopt);
  writer.add_text("tokenizer.chat_template", "{{ bos_token }}");
  load(writer);
  const auto files = read_chat_files(path());
  ASSERT_TRUE(files);
  EXPECT_EQ(files->chat_template, "{{ bos_token }}");
  EXPECT_EQ(files->bos, "<|begin_of_text|>");
  EXPECT_EQ(files->eos, "<|eot_id|>");
}

TEST_F(GgufTokenizer, WhatIsMissingOrUnknownIsNamed) {
  EXPECT_THAT(error(GgufWriter()), HasSubstr("the file has no tokenizer"));
  const auto with = [](const char* model, const char* pre) {
    GgufWriter writer;
    writer.add_text("tokenizer.ggml.model", model);
    writer.add_text("tokenizer.ggml.pre", pre);
    return writer;
  };
  EXPECT_THAT(error(with("bert", "default")), HasSubstr("tokenizer.ggml.model: 'bert' is not supported"));
  EXPECT_THAT(error(with("gpt2", "gpt-2")), HasSubstr("tokenizer.ggml.tokens: is missing"));
  GgufWriter writer = with("gpt2", "kimi-k2");
  writer.add_texts("tokenizer.ggml.tokens", {"a", "b", "ab"});
  EXPECT_THAT(error(writer), AllOf(HasSubstr("tokenizer.ggml.pre: 'kimi-k2' is not supported"), HasSubstr("qwen2")));
  writer = with("gpt2", "gpt-2");
  writer.add_texts("tokenizer.ggml.tokens", {"a", "b", "a"});
  EXPECT_THAT(error(writer), HasSubstr("tokenizer.ggml.merges: is missing"));
  writer.add_texts("tokenizer.ggml.merges", {"a b"});
  EXPECT_THAT(error(writer), HasSubstr("'a' is there twice"));
  writer = with("llama", "default");
  writer.add_texts("tokenizer.ggml.tokens", {"a", "\xff"});
  EXPECT_THAT(error(writer), HasSubstr("is not UTF-8"));
  writer = with("llama", "default");
  writer.add_texts("tokenizer.ggml.tokens", {"a", "b"});
  EXPECT_THAT(error(writer), HasSubstr("tokenizer.ggml.scores: is missing"));
  GgufWriter nan = writer;
  nan.add_f32s("tokenizer.ggml.scores", {0, NAN});
  EXPECT_THAT(error(nan), HasSubstr("the score of token 1 is not a finite number"));
  writer.add_f32s("tokenizer.ggml.scores", {0});
  EXPECT_THAT(error(writer), HasSubstr("is not an array of 2 numbers, one for each token"));
}

}  // namespace
}  // namespace inferbench
