// SPDX-License-Identifier: Apache-2.0
// Damaged vocab.json and merges.txt: one clear error each, with the file and the line.
#include <gmock/gmock.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <string>

#include "support/error.hpp"
#include "text/byte_alphabet.hpp"
#include "text/tokenizer.hpp"

namespace inferbench {
namespace {

using testing::AllOf;
using testing::HasSubstr;
namespace fs = std::filesystem;

class DamagedTokenizer : public testing::Test {
 protected:
  DamagedTokenizer()
      : folder_(fs::temp_directory_path() / ("inferbench-text-" + std::to_string(getpid()) + "-" +
                                             testing::UnitTest::GetInstance()->current_test_info()->name())) {
    fs::create_directories(folder_);
    write("vocab.json", vocab());
    write("merges.txt", "#version: 0.2\na b\nab c\n");
  }
  ~DamagedTokenizer() override { fs::remove_all(folder_); }
  DamagedTokenizer(const DamagedTokenizer&) = delete;
  DamagedTokenizer& operator=(const DamagedTokenizer&) = delete;

  /// One token a line: all bytes but `skipped`, then "ab" 256 and "abc" 257, then `more`.
  static std::string vocab(const std::string& more = "", int skipped = -1) {
    const ByteAlphabet alphabet;
    std::string text = "{\n";
    int id = 0;
    for (int byte = 0; byte < 256; ++byte) {
      if (byte == skipped) continue;
      std::string spelling = alphabet.spelling(static_cast<std::uint8_t>(byte));
      if (spelling == "\"" || spelling == "\\") spelling = std::string("\\").append(spelling);
      text += "\"" + spelling + "\": " + std::to_string(id++) + ",\n";
    }
    text += "\"ab\": " + std::to_string(id) + ",\n\"abc\": " + std::to_string(id + 1);
    return text + more + "\n}\n";
  }

  void write(const std::string& name, const std::string& text) const {
    std::ofstream(folder_ / name, std::ios::binary) << text;
  }

  std::string error() const {
    try {
      Tokenizer::load(folder_);
    } catch (const Error& error) {
      EXPECT_FALSE(error.cure().empty());
      EXPECT_EQ(std::string(error.what()).find('\n'), std::string::npos) << error.what();
      return error.what();
    }
    return "";
  }

  fs::path folder_;
};

TEST_F(DamagedTokenizer, UndamagedLoads) {
  EXPECT_EQ(error(), "");
  const Tokenizer tokenizer = Tokenizer::load(folder_);
  EXPECT_EQ(tokenizer.encode("abcab"), (std::vector<std::int32_t>{257, 256}));
}

TEST_F(DamagedTokenizer, MissingFilesAreNamed) {
  fs::remove(folder_ / "merges.txt");
  EXPECT_THAT(error(), AllOf(HasSubstr(folder_.string()), HasSubstr("missing merges.txt")));
  fs::remove(folder_ / "vocab.json");
  EXPECT_THAT(error(), HasSubstr("missing vocab.json and merges.txt"));
  fs::remove(folder_);
  EXPECT_THAT(error(), HasSubstr("no such folder"));
}

TEST_F(DamagedTokenizer, VocabThatIsAFolder) {
  fs::remove(folder_ / "vocab.json");
  fs::create_directory(folder_ / "vocab.json");
  EXPECT_THAT(error(), HasSubstr("vocab.json: "));
}

TEST_F(DamagedTokenizer, BadJson) {
  write("vocab.json", "{\n\"a\": 0,\n\"b\" 1}");
  EXPECT_THAT(error(), HasSubstr("vocab.json:3: not valid JSON"));
  write("vocab.json", vocab().substr(0, 500));
  EXPECT_THAT(error(), HasSubstr("not valid JSON"));
  write("vocab.json", "");
  EXPECT_THAT(error(), HasSubstr("vocab.json:1: not valid JSON"));
}

TEST_F(DamagedTokenizer, JsonOfAnotherShape) {
  write("vocab.json", "[1, 2]");
  EXPECT_THAT(error(), HasSubstr("vocab.json:1: expected an object of tokens and ids, found an array"));
  write("vocab.json", "7");
  EXPECT_THAT(error(), HasSubstr("expected an object"));
  write("vocab.json", "{}");
  EXPECT_THAT(error(), HasSubstr("no token for byte 0x00"));
  for (const std::string value : {"\"1\"", "1.5", "-1", "null", "true", "[0]", "{}", "2147483648", "1e99"}) {
    write("vocab.json", vocab(",\n\"abcd\": " + value));
    EXPECT_THAT(error(), AllOf(HasSubstr("vocab.json:260: the id of token 'abcd'"), HasSubstr("found "))) << value;
  }
}

TEST_F(DamagedTokenizer, DeepNestingIsRefusedAtOnce) {
  write("vocab.json", std::string(1 << 20, '['));
  EXPECT_THAT(error(), HasSubstr("found an array"));
  write("vocab.json", "{\"a\":" + std::string(1 << 20, '['));
  EXPECT_THAT(error(), HasSubstr("token 'a'"));
}

TEST_F(DamagedTokenizer, TwoTokensWithOneId) {
  write("vocab.json", vocab(",\n\"abcd\": 256"));
  EXPECT_THAT(error(), HasSubstr("vocab.json:260: tokens 'ab' (line 258) and 'abcd' have the same id 256"));
}

TEST_F(DamagedTokenizer, OneTokenTwice) {
  write("vocab.json", vocab(",\n\"ab\": 258"));
  EXPECT_THAT(error(), HasSubstr("vocab.json:260: token 'ab' is there twice"));
}

TEST_F(DamagedTokenizer, IdsWithAHole) {
  write("vocab.json", vocab(",\n\"abcd\": 259"));
  EXPECT_THAT(error(), HasSubstr("vocab.json:260: token 'abcd' has id 259, but of 259 tokens none has id 258"));
}

TEST_F(DamagedTokenizer, AByteWithoutToken) {
  write("vocab.json", vocab("", 'z'));
  EXPECT_THAT(error(), HasSubstr("no token for byte 0x7a, spelled 'z'"));
}

TEST_F(DamagedTokenizer, BadMergeLines) {
  for (const std::string line : {"ab", "a b c", " ab", "ab ", "a  b", " ", "\x1b[31m"}) {
    write("merges.txt", "#version: 0.2\na b\n" + line + "\nab c\n");
    EXPECT_THAT(error(), HasSubstr("merges.txt:3: expected two tokens")) << line;
  }
}

TEST_F(DamagedTokenizer, MergesOutsideTheVocabulary) {
  write("merges.txt", "#version: 0.2\na b\nxy c\n");
  EXPECT_THAT(error(), HasSubstr("merges.txt:3: token 'xy' is not in vocab.json"));
  write("merges.txt", "a b\nx y\n");
  EXPECT_THAT(error(), HasSubstr("merges.txt:2: token 'xy' is not in vocab.json"));
}

TEST_F(DamagedTokenizer, AMergeTwice) {
  write("merges.txt", "a b\nab c\na b\n");
  EXPECT_THAT(error(), HasSubstr("merges.txt:3: merge 'a b' is there twice"));
}

TEST_F(DamagedTokenizer, WindowsLinesAndNoHeaderAreFine) {
  write("merges.txt", "a b\r\nab c\r\n\r\n");
  EXPECT_EQ(error(), "");
  EXPECT_EQ(Tokenizer::load(folder_).encode("abc"), (std::vector<std::int32_t>{257}));
}

TEST_F(DamagedTokenizer, TokensOutsideTheAlphabetStandForThemselves) {
  write("vocab.json", vocab(",\n\"<pad token>\": 258,\n\"\u4e2d\": 259"));
  ASSERT_EQ(error(), "");
  EXPECT_EQ(Tokenizer::load(folder_).decode(std::vector<std::int32_t>{258, 259}), "<pad token>\u4e2d");
}

}  // namespace
}  // namespace inferbench
