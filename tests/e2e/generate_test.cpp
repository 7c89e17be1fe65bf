// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>

#include <fstream>
#include <nlohmann/json.hpp>

#include "support/program.hpp"
#include "support/test_paths.hpp"

namespace inferbench {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::StartsWith;

const std::string kData = test_paths::kData;

nlohmann::json expected() {
  return nlohmann::json::parse(std::ifstream(kData + "/shakespeare/expected.json"));
}

ProgramResult generate(std::vector<std::string> arguments, const std::string& input = "") {
  const std::vector<std::string> head = {
      "generate", "--backend", "cpu_ref", "--model", kData + "/shakespeare", "--plugin-dir", test_paths::kPlugins};
  arguments.insert(arguments.begin(), head.begin(), head.end());
  return run_program(arguments, input);
}

TEST(Generate, GreedyContinuesAsTheReferenceDoes) {
  const auto reference = expected();
  const auto result = generate({"--prompt", reference["prompt"], "--max-tokens", "80"});
  EXPECT_EQ(result.exit_code, 0) << result.err;
  EXPECT_EQ(result.out, reference["greedy_text"].get<std::string>());
  EXPECT_THAT(result.err, AllOf(HasSubstr("cpu_ref:fp32"), HasSubstr("80 new")));
}

TEST(Generate, ReadsThePromptFromAPipeAndEchoesIt) {
  const auto reference = expected();
  const auto prompt = reference["prompt"].get<std::string>();
  const auto result = generate({"--prompt", "-", "--max-tokens", "80", "--echo", "--threads", "1"}, prompt);
  EXPECT_EQ(result.out, prompt + reference["greedy_text"].get<std::string>());
}

TEST(Generate, JsonSaysAll) {
  const auto reference = expected();
  const auto result = generate({"--prompt", reference["prompt"], "--max-tokens", "80", "--json"});
  ASSERT_EQ(result.exit_code, 0) << result.err;
  const auto json = nlohmann::json::parse(result.out);
  EXPECT_EQ(json["text"], reference["greedy_text"]);
  EXPECT_EQ(json["ids"].size(), 80U);
  EXPECT_EQ(json["stop"], "max_tokens");
  EXPECT_EQ(json["precision"], "fp32");
  EXPECT_GT(json["ttft_ms"].get<double>(), 0);
  EXPECT_GT(json["decode_tokens_per_s"].get<double>(), 0);
}

TEST(Generate, TheSeedDecidesWhatIsSampled) {
  const auto sample = [](const std::string& seed) {
    return generate({"--prompt", "KING", "--max-tokens", "40", "--top-k", "50", "--top-p", "0.95", "--seed", seed}).out;
  };
  const std::string first = sample("1");
  EXPECT_EQ(sample("1"), first);
  EXPECT_NE(sample("2"), first);
  // Sampling from the single most likely token equals greedy.
  const auto reference = expected();
  const auto only = generate({"--prompt", reference["prompt"], "--max-tokens", "80", "--top-k", "1", "--seed", "9"});
  EXPECT_EQ(only.out, reference["greedy_text"].get<std::string>());
}

TEST(Generate, AnEmptyPromptStartsATextAndThePromptMayBeAnyBytes) {
  EXPECT_EQ(generate({"--prompt", "", "--max-tokens", "2"}).exit_code, 0);
  EXPECT_EQ(generate({"--prompt", "-", "--max-tokens", "2", "--json"}, "\xff\xfe\xc3").exit_code, 0);
}

TEST(Generate, MistakesAreNamedAndExitWithTwo) {
  const auto expect_error = [](const ProgramResult& result, const std::string& what) {
    EXPECT_EQ(result.exit_code, 2);
    EXPECT_EQ(result.out, "");
    EXPECT_THAT(result.err, AllOf(StartsWith("inferbench: error: "), HasSubstr(what)));
  };
  expect_error(generate({"--prompt", "x", "--max-tokens", "256"}),
               "add up to 257, more than the model's context of 256");
  expect_error(generate({"--prompt", "-"}, std::string(300, '!')), "more than the model's context of 256");
  expect_error(generate({"--prompt", "x", "--max-tokens", "0"}), "--max-tokens");
  expect_error(generate({"--prompt", "x", "--temperature", "-1"}), "temperature -1");
  expect_error(generate({"--prompt", "x", "--top-p", "1.5"}), "top-p 1.5");
  expect_error(generate({"--prompt", "x", "--option", "isa"}), "KEY=VALUE");
  expect_error(generate({"--prompt", "x", "--option", "nonsense=1"}), "nonsense");
  expect_error(generate({}), "--prompt is required");
  expect_error(run_program({"generate", "--backend", "cpu_ref", "--plugin-dir", test_paths::kPlugins, "--model",
                            "synthetic:gpt2", "--prompt", "x"}),
               "no tokenizer");
  expect_error(run_program({"generate", "--backend", "cpu_ref", "--plugin-dir", test_paths::kPlugins, "--model",
                            kData + "/tiny", "--prompt", "x"}),
               "missing vocab.json and merges.txt");
}

TEST(Tokenize, GivesTheReferenceIdsOfEveryCaseAndBack) {
  for (const auto& one : nlohmann::json::parse(std::ifstream(kData + "/tokenizer/cases.json"))) {
    const auto text = one["text"].get<std::string>();
    const auto ids = run_program({"tokenize", "--model", kData + "/tokenizer"}, text);
    ASSERT_EQ(ids.exit_code, 0) << ids.err;
    EXPECT_EQ(nlohmann::json::parse(ids.out), one["ids"]) << text;
    EXPECT_EQ(run_program({"tokenize", "--model", kData + "/tokenizer", "--decode"}, ids.out).out, text);
  }
}

TEST(Tokenize, MistakesAreNamedAndExitWithTwo) {
  for (const std::string input : {"", "7", "{}", "[1, 2", "[1.5]", "[\"a\"]", "[5000000000]", "[-1]", "[1023]"}) {
    const auto result = run_program({"tokenize", "--model", kData + "/shakespeare", "--decode"}, input);
    EXPECT_EQ(result.exit_code, 2) << input;
    EXPECT_EQ(result.out, "") << input;
    EXPECT_THAT(result.err, StartsWith("inferbench: error: ")) << input;
  }
}

}  // namespace
}  // namespace inferbench
