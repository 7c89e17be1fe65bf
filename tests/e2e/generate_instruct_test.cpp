// SPDX-License-Identifier: Apache-2.0
// `generate --chat` on an instruction model: shakespeare-llama with a ChatML template, whose special tokens take the
// ids of two frequent words, so that the model writes them.
#include <gmock/gmock.h>

#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <regex>

#include "support/files.hpp"
#include "support/program.hpp"
#include "support/test_paths.hpp"

namespace inferbench {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;
using Json = nlohmann::json;
namespace fs = std::filesystem;

const char* const kChatml =
    "{% for message in messages %}{{ '<|im_start|>' + message.role + '\\n' + message.content + '<|im_end|>\\n' }}"
    "{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}";

class InstructModel : public testing::Test {
 protected:
  InstructModel() {
    std::string name = (fs::temp_directory_path() / "inferbench-instruct-XXXXXX").string();
    if (mkdtemp(name.data()) == nullptr) throw std::runtime_error("no temporary folder");
    folder_ = name;
    const fs::path source = fs::path(test_paths::kData) / "shakespeare-llama";
    for (const char* file : {"config.json", "model.safetensors"}) fs::copy_file(source / file, folder_ / file);
    tokenizer_ = Json::parse(read_file(source / "tokenizer.json"));
    rename("LUCIO", "<|im_start|>");
  }
  ~InstructModel() override { fs::remove_all(folder_); }
  InstructModel(const InstructModel&) = delete;
  InstructModel& operator=(const InstructModel&) = delete;

  /// Makes a special token of `word`; texts with that word then have other tokens. Returns its id.
  std::int32_t rename(const std::string& word, const std::string& special) {
    Json& model = tokenizer_["model"];
    const auto id = model["vocab"].at(word).get<std::int32_t>();
    model["vocab"].erase(word);
    model["vocab"][special] = id;
    Json merges = Json::array();
    for (const Json& merge : model["merges"]) {
      const auto pair = merge.is_array() ? merge.get<std::vector<std::string>>() : split(merge.get<std::string>());
      if (pair[0] + pair[1] != word && pair[0] != word && pair[1] != word) merges.push_back(merge);
    }
    model["merges"] = merges;
    tokenizer_["added_tokens"].push_back({{"id", id},
                                          {"content", special},
                                          {"single_word", false},
                                          {"lstrip", false},
                                          {"rstrip", false},
                                          {"normalized", false},
                                          {"special", true}});
    return id;
  }

  static std::vector<std::string> split(const std::string& merge) {
    const auto space = merge.find(' ');
    return {merge.substr(0, space), merge.substr(space + 1)};
  }

  void write(const std::string& name, const Json& json) const { std::ofstream(folder_ / name) << json.dump(); }
  void write_files(const std::string& chat_template = kChatml, const Json& eos = nullptr) const {
    write("tokenizer.json", tokenizer_);
    write("tokenizer_config.json", {{"chat_template", chat_template}, {"eos_token", eos}});
  }

  ProgramResult generate(std::vector<std::string> more, const std::string& input = "") const {
    const std::vector<std::string> head{
        "generate",     "--backend",          "cpu_ref:fp32", "--model", folder_.string(),
        "--plugin-dir", test_paths::kPlugins, "--threads",    "1"};
    more.insert(more.begin(), head.begin(), head.end());
    return run_program(more, input);
  }
  ProgramResult chat(const std::string& lines, std::vector<std::string> more = {}) const {
    more.insert(more.begin(), {"--chat", "--max-tokens", "24"});
    return generate(std::move(more), lines);
  }
  /// What continues a text greedily.
  std::vector<std::int32_t> continued(const std::string& text, int n_tokens) const {
    const auto result = generate({"--prompt", text, "--max-tokens", std::to_string(n_tokens), "--json"});
    EXPECT_EQ(result.exit_code, 0) << result.err;
    return Json::parse(result.out)["ids"].get<std::vector<std::int32_t>>();
  }
  std::string decoded(const std::vector<std::int32_t>& ids) const {
    return run_program({"tokenize", "--decode", "--model", folder_.string()}, Json(ids).dump()).out;
  }
  int count_tokens(const std::string& text) const {
    const auto result = run_program({"tokenize", "--no-special", "--model", folder_.string()}, text);
    return static_cast<int>(Json::parse(result.out).size());
  }

  static std::string user(const std::string& text) {
    return "<|im_start|>user\n" + text + "<|im_end|>\n<|im_start|>assistant\n";
  }
  /// The number before ` WORD` in the messages, for each turn.
  static std::vector<int> numbers(const std::string& messages, const std::string& pattern) {
    std::vector<int> found;
    const std::regex regex(pattern);
    for (std::sregex_iterator it(messages.begin(), messages.end(), regex), end; it != end; ++it) {
      found.push_back(std::stoi((*it)[1]));
    }
    return found;
  }
  static std::vector<int> held(const ProgramResult& result) {
    return numbers(result.err, R"(; (\d+) of 256 positions)");
  }
  static std::vector<int> written(const ProgramResult& result) { return numbers(result.err, R"(\[(\d+) tokens?)"); }

  fs::path folder_;
  Json tokenizer_;
};

// A turn feeds what is new, and the model sees all of the conversation.
TEST_F(InstructModel, KeepsTheConversationInTheCache) {
  rename("ult", "<|im_end|>");  // seldom written: turns are cut at --max-tokens
  write_files();
  const auto result = chat("Who is there?\nSpeak!\n", {"--system", "You are a king."});
  ASSERT_EQ(result.exit_code, 0) << result.err;

  const std::string first = "<|im_start|>system\nYou are a king.<|im_end|>\n" + user("Who is there?");
  const std::string answer = decoded(continued(first, 24));
  const std::string second = first + answer + "<|im_end|>\n" + user("Speak!");
  EXPECT_EQ(result.out, answer + "\n" + decoded(continued(second, 24)) + "\n");
  // The last token of a turn that was cut short is fed with the next turn.
  const int n_first = count_tokens(first) + 23;
  EXPECT_THAT(held(result),
              testing::ElementsAre(n_first, n_first + 1 + count_tokens("<|im_end|>\n" + user("Speak!")) + 23));
}

TEST_F(InstructModel, ATurnEndsAtTheTemplatesEndToken) {
  rename("\u0120a", "<|im_end|>");  // " a"
  write_files();
  const auto result = chat("Who is there?\nSpeak!\n");
  ASSERT_EQ(result.exit_code, 0) << result.err;
  ASSERT_THAT(written(result), testing::ElementsAre(testing::Lt(24), testing::_)) << result.err;
  EXPECT_THAT(result.out, Not(HasSubstr("im_end")));
  // All of the answer is in the cache, and once: the end token comes with the next turn, as the template writes it.
  const int n_first = count_tokens(user("Who is there?")) + written(result)[0];
  EXPECT_EQ(held(result)[0], n_first);
  const bool cut = written(result)[1] == 24;
  EXPECT_EQ(held(result)[1],
            n_first + count_tokens("<|im_end|>\n" + user("Speak!")) + written(result)[1] - (cut ? 1 : 0));
  EXPECT_GT(written(result)[0], 0) << result.out;
}

TEST_F(InstructModel, ATurnEndsAtAnyOfTheModelsEndTokens) {
  rename("ult", "<|im_end|>");
  const std::int32_t eos = rename("\u0120the", "<|stop|>");  // " the"
  write_files();
  const auto without = chat("Who is there?\n");
  ASSERT_THAT(written(without), testing::ElementsAre(24)) << without.err;
  write_files(kChatml, "<|stop|>");
  const auto with_eos = chat("Who is there?\n");
  write_files();
  write("generation_config.json", {{"eos_token_id", {1023, eos}}});
  const auto with_list = chat("Who is there?\n");
  EXPECT_THAT(written(with_eos), testing::ElementsAre(testing::Lt(24))) << with_eos.err;
  EXPECT_EQ(with_list.out, with_eos.out);
  EXPECT_EQ(written(with_list), written(with_eos));
}

TEST_F(InstructModel, RawOnlyContinuesTheText) {
  rename("ult", "<|im_end|>");
  write_files();
  const auto raw = chat("ROMEO:\n", {"--raw"});
  ASSERT_EQ(raw.exit_code, 0) << raw.err;
  EXPECT_EQ(raw.out, decoded(continued("ROMEO:\n", 24)) + "\n");
  EXPECT_NE(chat("ROMEO:\n").out, raw.out);
  // It doesn't even read the template.
  write_files("{{ '<|START_OF_TURN_TOKEN|>' }}");
  EXPECT_EQ(chat("ROMEO:\n", {"--raw"}).out, raw.out);
}

TEST_F(InstructModel, ContextBoundsTheCache) {
  rename("ult", "<|im_end|>");
  write_files();
  EXPECT_THAT(chat("Who is there?\n", {"--context", "64"}).err, HasSubstr(" of 64 positions"));
  const auto slid = chat("Who is there?\nSpeak!\nNow.\n", {"--context", "64"});
  EXPECT_EQ(slid.exit_code, 0) << slid.err;
  EXPECT_THAT(slid.err, HasSubstr("of 64 positions, slid"));
}

TEST_F(InstructModel, MistakesAreNamedBeforeTheFirstLine) {
  rename("ult", "<|im_end|>");
  write_files();
  const auto expect_error = [](const ProgramResult& result, const std::string& what, const std::string& hint) {
    EXPECT_EQ(result.exit_code, 2) << what;
    EXPECT_EQ(result.out, "");
    EXPECT_THAT(result.err, AllOf(StartsWith("inferbench: error: "), HasSubstr(what), HasSubstr(hint)));
  };
  expect_error(chat("", {"--context", "257"}), "--context 257 exceeds the model's 256 positions", "give 256 or fewer");
  expect_error(chat("", {"--raw", "--system", "x"}), "--raw has no system message", "leave out one of the two");
  expect_error(chat("", {"--prompt", "x"}), "takes no --prompt", "leave out one of the two");
  expect_error(generate({"--prompt", "x", "--raw"}), "belong to --chat", "or give --chat");
  expect_error(generate({"--prompt", "x", "--system", "x"}), "belong to --chat", "or give --chat");
  expect_error(generate({"--prompt", "x", "--context", "9"}), "belong to --chat", "or give --chat");
  write_files("{{ '<|START_OF_TURN_TOKEN|>' }}");
  expect_error(chat(""), "the chat template is that of Command R", "--raw");
  write_files(read_file(fs::path(test_paths::kData) / "chat/gemma2.jinja"));
  expect_error(chat("", {"--system", "x"}), "the Gemma format of this model has no fixed place for a system message",
               "leave --system out");
  fs::remove(folder_ / "tokenizer_config.json");
  expect_error(chat("", {"--system", "x"}), "this model has no chat template", "leave --system out");
  std::ofstream(folder_ / "tokenizer_config.json") << "{\"chat_template\": 1}";
  expect_error(chat(""), "tokenizer_config.json: chat_template is neither a text nor a list", "take the file again");
}

}  // namespace
}  // namespace inferbench
