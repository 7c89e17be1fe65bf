// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>

#include <chrono>
#include <fstream>
#include <iterator>
#include <nlohmann/json.hpp>
#include <random>
#include <string>
#include <thread>

#include "support/error.hpp"
#include "support/files.hpp"
#include "support/test_paths.hpp"
#include "text/tokenizer.hpp"

namespace inferbench {
namespace {

using Ids = std::vector<std::int32_t>;

std::string data_file(const std::string& name) {
  return read_file(std::string(test_paths::kData) + "/" + name);
}

const Tokenizer& gpt2() {
  static const Tokenizer kTokenizer = Tokenizer::load(std::string(test_paths::kData) + "/tokenizer");
  return kTokenizer;
}

const Tokenizer& shakespeare() {
  static const Tokenizer kTokenizer = Tokenizer::load(std::string(test_paths::kData) + "/shakespeare");
  return kTokenizer;
}

/// Pieces in the reference's order of merging, straight from the definition: the pair of lowest rank, all of its
/// occurrences from the left, again and again. Quadratic.
class NaiveMerger {
 public:
  explicit NaiveMerger(const std::string& folder) {
    vocab_ = nlohmann::json::parse(data_file(folder + "/vocab.json"));
    std::istringstream merges(data_file(folder + "/merges.txt"));
    std::string line;
    std::getline(merges, line);
    for (int rank = 0; std::getline(merges, line); ++rank) ranks_[line] = rank;
  }

  /// `characters`: of the byte alphabet.
  Ids encode(std::vector<std::string> characters) const {
    while (true) {
      const std::string* best = nullptr;
      int best_rank = 1 << 30;
      for (std::size_t i = 0; i + 1 < characters.size(); ++i) {
        const auto found = ranks_.find(characters[i] + " " + characters[i + 1]);
        if (found != ranks_.end() && found->second < best_rank) {
          best_rank = found->second;
          best = &found->first;
        }
      }
      if (best == nullptr) break;
      std::vector<std::string> merged;
      for (std::size_t i = 0; i < characters.size(); ++i) {
        if (i + 1 < characters.size() && characters[i] + " " + characters[i + 1] == *best) {
          merged.push_back(characters[i] + characters[i + 1]);
          ++i;
        } else {
          merged.push_back(characters[i]);
        }
      }
      characters = std::move(merged);
    }
    Ids ids;
    for (const auto& text : characters) ids.push_back(vocab_.at(text).get<std::int32_t>());
    return ids;
  }

 private:
  nlohmann::json vocab_;
  std::map<std::string, int> ranks_;
};

TEST(Tokenizer, GivesTheReferenceIdsOfEveryCase) {
  const auto cases = nlohmann::json::parse(data_file("tokenizer/cases.json"));
  ASSERT_GE(cases.size(), 25U);
  for (const auto& one : cases) {
    const auto text = one.at("text").get<std::string>();
    const auto ids = one.at("ids").get<Ids>();
    EXPECT_EQ(gpt2().encode(text), ids) << text;
    EXPECT_EQ(gpt2().decode(ids), text);
  }
}

TEST(Tokenizer, KnowsItsSize) {
  EXPECT_EQ(gpt2().size(), 50257);
  EXPECT_EQ(shakespeare().size(), 1023);
}

TEST(Tokenizer, CountsTheValidationTextAsTheReferenceDoes) {
  const std::string text = data_file("shakespeare/validation.txt");
  const auto expected = nlohmann::json::parse(data_file("shakespeare/expected.json"));
  const Ids ids = shakespeare().encode(text);
  // The rule in expected.json: windows of 256 predictions each, as long as a whole one is left.
  EXPECT_EQ((ids.size() - 1), expected["validation"]["tokens"].get<std::size_t>());
  EXPECT_EQ(shakespeare().decode(ids), text);
}

TEST(Tokenizer, WhiteSpaceIsUnicodes) {
  // A space joins the symbol after it, unless that is White_Space itself: then the two are one run.
  for (const std::string space : {"\t", "\n", "\v", "\f", "\r", "\u0085", "\u00A0", "\u1680", "\u2000", "\u200A",
                                  "\u2028", "\u2029", "\u202F", "\u205F", "\u3000"}) {
    Ids expected = gpt2().encode(" ");
    const Ids alone = gpt2().encode(space);
    expected.insert(expected.end(), alone.begin(), alone.end());
    expected.push_back(87);  // "x"
    EXPECT_EQ(gpt2().encode(" " + space + "x"), expected) << testing::PrintToString(space);
  }
}

TEST(Tokenizer, RoundTripsBytesThatAreNotUtf8) {
  for (const std::string text : {"\xff", "a\xff", "\xff z", "caf\xc3", "\xc3(", "\xed\xa0\x80", "\xf4\x90\x80\x80",
                                 "\x80\x80\x80", "ok \xf0\x9f\x99 ok", "\xc0\xaf"}) {
    EXPECT_EQ(gpt2().decode(gpt2().encode(text)), text) << testing::PrintToString(text);
  }
  EXPECT_EQ(gpt2().encode("a\xff"), (Ids{64, 187}));
}

TEST(Tokenizer, RoundTripsRandomBytesAndEveryCodePoint) {
  std::mt19937 random(7);
  for (int round = 0; round < 300; ++round) {
    std::string text(random() % 200, '\0');
    for (char& byte : text)
      byte = static_cast<char>(random() % (round % 3 == 0 ? 256 : 64) + (round % 3 == 1 ? 0xC0 : 0));
    ASSERT_EQ(gpt2().decode(gpt2().encode(text)), text) << testing::PrintToString(text);
  }
  std::string all;
  for (std::uint32_t c = 0; c < 0x110000; c += (c < 0x3000 ? 1 : 37)) {
    if (c >= 0xD800 && c < 0xE000) continue;
    if (c < 0x80) {
      all += static_cast<char>(c);
    } else if (c < 0x800) {
      all += {static_cast<char>(0xC0 | c >> 6), static_cast<char>(0x80 | (c & 0x3F))};
    } else if (c < 0x10000) {
      all += {static_cast<char>(0xE0 | c >> 12), static_cast<char>(0x80 | (c >> 6 & 0x3F)),
              static_cast<char>(0x80 | (c & 0x3F))};
    } else {
      all += {static_cast<char>(0xF0 | c >> 18), static_cast<char>(0x80 | (c >> 12 & 0x3F)),
              static_cast<char>(0x80 | (c >> 6 & 0x3F)), static_cast<char>(0x80 | (c & 0x3F))};
    }
  }
  EXPECT_EQ(gpt2().decode(gpt2().encode(all)), all);
}

TEST(Tokenizer, MergesAsTheDefinitionSays) {
  const NaiveMerger naive("shakespeare");
  std::mt19937 random(3);
  const std::string common = "etaoinshrdlu";
  for (int round = 0; round < 400; ++round) {
    std::vector<std::string> characters;
    std::string word;
    const auto length = 2 + random() % 40;
    for (std::size_t i = 0; i < length; ++i) {
      word += round % 4 == 0 ? 'e' : common[random() % common.size()];
      characters.emplace_back(1, word.back());
    }
    ASSERT_EQ(shakespeare().encode(word), naive.encode(characters)) << word;
  }
}

TEST(Tokenizer, SpecialTokensAreOrdinaryText) {
  EXPECT_EQ(gpt2().decode(Ids{50256}), "<|endoftext|>");
  EXPECT_GT(gpt2().encode("<|endoftext|>").size(), 1U);
}

TEST(Tokenizer, RefusesIdsOutsideTheVocabulary) {
  EXPECT_THROW(gpt2().decode(Ids{50257}), Error);
  EXPECT_THROW(gpt2().decode(Ids{-1}), Error);
}

double encode_seconds(const std::string& text) {
  const auto start = std::chrono::steady_clock::now();
  const Ids ids = gpt2().encode(text);
  const std::chrono::duration<double> took = std::chrono::steady_clock::now() - start;
  EXPECT_EQ(gpt2().decode(ids), text);
  return took.count();
}

// Bounds that a quadratic algorithm misses by hours, and a busy machine keeps.
TEST(Tokenizer, AMegabyteIsNeverQuadratic) {
  constexpr std::size_t kMegabyte = 1 << 20;
  std::string prose;
  while (prose.size() < kMegabyte) prose += data_file("shakespeare/validation.txt");
  std::mt19937 random(1);
  std::string letters(kMegabyte, '\0');
  for (char& letter : letters) letter = static_cast<char>('a' + random() % 26);
  std::string blanks(kMegabyte, ' ');
  blanks += 'x';
  std::string broken(kMegabyte, '\xff');
  for (std::size_t i = 0; i < broken.size(); i += 2) broken[i] = 'a';
  EXPECT_LT(encode_seconds(prose), 60);
  EXPECT_LT(encode_seconds(std::string(kMegabyte, 'a')), 60);
  EXPECT_LT(encode_seconds(letters), 60);
  EXPECT_LT(encode_seconds(blanks), 60);
  EXPECT_LT(encode_seconds(std::string(kMegabyte, '-')), 60);
  EXPECT_LT(encode_seconds(broken), 60);
}

TEST(Tokenizer, ManyThreadsShareOne) {
  const std::string text = data_file("shakespeare/validation.txt").substr(0, 20000);
  const Ids expected = gpt2().encode(text);
  std::vector<std::thread> threads;
  threads.reserve(4);
  std::vector<int> same(4);
  for (int& result : same) threads.emplace_back([&] { result = gpt2().encode(text) == expected ? 1 : 0; });
  for (std::thread& thread : threads) thread.join();
  EXPECT_THAT(same, testing::Each(1));
}

}  // namespace
}  // namespace inferbench
