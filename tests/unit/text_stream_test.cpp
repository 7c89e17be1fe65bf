// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>

#include <fstream>
#include <iterator>
#include <string>

#include "support/error.hpp"
#include "support/files.hpp"
#include "support/test_paths.hpp"
#include "text/token_stream.hpp"

namespace inferbench {
namespace {

const std::string kFolder = std::string(test_paths::kData) + "/shakespeare";

std::vector<std::int32_t> read_all(TokenStream& stream, std::size_t at_once) {
  std::vector<std::int32_t> ids;
  while (true) {
    const auto more = stream.read(at_once);
    ids.insert(ids.end(), more.begin(), more.end());
    if (more.size() < at_once) return ids;
  }
}

TEST(TokenStream, GivesTheTokensOfTheWholeTextWhateverThePieces) {
  const Tokenizer tokenizer = Tokenizer::load(kFolder);
  const auto expected = tokenizer.encode(read_file(kFolder + "/validation.txt"));
  for (const std::size_t piece : {61U, 1000U, 65536U, 1U << 20U}) {
    TokenStream stream(tokenizer, kFolder + "/validation.txt", piece);
    EXPECT_EQ(read_all(stream, 257), expected) << piece;
    EXPECT_EQ(stream.progress(), 1);
  }
}

TEST(TokenStream, ProgressIsOfWhatWasHandedOut) {
  TokenStream stream(Tokenizer::load(kFolder), kFolder + "/validation.txt");
  EXPECT_EQ(stream.progress(), 0);
  const std::size_t n = Tokenizer::load(kFolder).encode(read_file(kFolder + "/validation.txt")).size();
  ASSERT_EQ(stream.read(n / 4).size(), n / 4);
  EXPECT_NEAR(stream.progress(), 0.25, 0.01);  // though the whole file fits one piece
  ASSERT_EQ(stream.read(n).size(), n - n / 4);
  EXPECT_EQ(stream.progress(), 1);
}

// Contractions, runs of spaces, other scripts, bytes that are no UTF-8: all beside places where a cut may fall.
TEST(TokenStream, CutsNoTokenInTwo) {
  const std::string path = std::string(test_paths::kBinaryDir) + "/text_stream_cuts";
  std::string text;
  for (int i = 0; i < 40; ++i) {
    text += "it's  the ' s 're  \n x\n\n y \t z 12 34 ,. (a) \xc3\xa9t\xc3\xa9 \xe4\xb8\x96 \xff\xfe a \xf0\x9f\x98 b ";
    text += std::string(static_cast<std::size_t>(i % 5), ' ');
  }
  std::ofstream(path, std::ios::binary) << text;
  const Tokenizer tokenizer = Tokenizer::load(kFolder);
  const auto expected = tokenizer.encode(text);
  for (std::size_t piece = 1; piece < 40; ++piece) {
    TokenStream stream(tokenizer, path, piece);
    EXPECT_EQ(read_all(stream, 5), expected) << piece;
  }
  std::filesystem::remove(path);
}

TEST(TokenStream, AnEmptyFileHasNone) {
  TokenStream stream(Tokenizer::load(kFolder), "/dev/null");
  EXPECT_TRUE(stream.read(3).empty());
}

TEST(TokenStream, SaysWhatItCannotRead) {
  EXPECT_THROW(TokenStream(Tokenizer::load(kFolder), kFolder + "/nowhere.txt"), Error);
  EXPECT_THROW(TokenStream(Tokenizer::load(kFolder), kFolder), Error);
}

}  // namespace
}  // namespace inferbench
