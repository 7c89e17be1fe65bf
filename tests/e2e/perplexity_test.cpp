// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>

#include <cmath>
#include <filesystem>
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

ProgramResult perplexity(const std::string& backend, const std::vector<std::string>& more,
                         const std::string& text = kData + "/shakespeare/validation.txt") {
  std::vector<std::string> arguments = {"perplexity",           "--backend", backend, "--model",
                                        kData + "/shakespeare", "--text",    text,    "--plugin-dir",
                                        test_paths::kPlugins};
  arguments.insert(arguments.end(), more.begin(), more.end());
  return run_program(arguments);
}

nlohmann::json json_of(const ProgramResult& result) {
  EXPECT_EQ(result.exit_code, 0) << result.err;
  return nlohmann::json::parse(result.out);
}

TEST(Perplexity, OfTheReferenceIsThePublishedOne) {
  const auto expected = nlohmann::json::parse(std::ifstream(kData + "/shakespeare/expected.json"))["validation"];
  const auto json = json_of(perplexity("cpu_ref", {"--json"}));
  EXPECT_EQ(json["tokens"], expected["tokens"]);
  EXPECT_EQ(json["windows"], 194);
  const auto published = expected["perplexity"].get<double>();
  EXPECT_NEAR(json["perplexity"].get<double>(), published, 1e-5 * published);
  EXPECT_NEAR(json["nll_per_token"].get<double>(), expected["nll_per_token"].get<double>(), 1e-5);
  EXPECT_LT(json["perplexity_interval"][0].get<double>(), published);
  EXPECT_GT(json["perplexity_interval"][1].get<double>(), published);
}

TEST(Perplexity, IsOfTheDeviceThatIsNamed) {
  setenv("INFERBENCH_INNER_BACKEND", (std::string(test_paths::kPlugins) + "/libcpu_ref.so").c_str(), 1);
  const std::string backend = INFERBENCH_FAULTY_DIR "/libdevice.so";
  const std::vector<std::string> one_window{"--json", "--windows", "1", "--reference", "cpu_ref@cpu"};
  const auto second = json_of(perplexity(backend + "@cuda:1", one_window));
  EXPECT_EQ(second["device"], "cuda:1");
  EXPECT_EQ(second["reference"], "cpu_ref:fp32@cpu");
  EXPECT_EQ(json_of(perplexity(backend + ":fp32", one_window))["device"], "cuda:0");
  const ProgramResult third = perplexity(backend + "@cuda:2", one_window);
  EXPECT_EQ(third.exit_code, 2);
  EXPECT_THAT(third.err, AllOf(HasSubstr("backend device has no device 'cuda:2' here"), HasSubstr("cuda:1")));
  unsetenv("INFERBENCH_INNER_BACKEND");
}

TEST(Perplexity, ABatchOfWindowsGivesTheSame) {
  const auto one = json_of(perplexity("cpu_ref", {"--json", "--windows", "21"}));
  const auto batch = json_of(perplexity("cpu_ref", {"--json", "--windows", "21", "--batch", "8"}));
  EXPECT_EQ(one["tokens"], 21 * 256);
  EXPECT_EQ(batch["nll_per_token"], one["nll_per_token"]);  // cpu_ref: the same bits in any batch
}

TEST(Perplexity, AStrideJudgesEveryTokenOnceWithMoreBeforeIt) {
  const auto text = std::filesystem::path(test_paths::kBinaryDir) / "perplexity_stride.txt";
  std::ifstream validation(kData + "/shakespeare/validation.txt", std::ios::binary);
  std::ofstream(text) << std::string(std::istreambuf_iterator<char>(validation), {}).substr(0, 6000);
  const auto whole = json_of(perplexity("cpu_ref", {"--json"}, text.string()));
  const auto half = json_of(perplexity("cpu_ref", {"--json", "--stride", "128"}, text.string()));
  const auto batch = json_of(perplexity("cpu_ref", {"--json", "--stride", "128", "--batch", "3"}, text.string()));
  EXPECT_EQ(whole["stride"], 256);
  EXPECT_EQ(half["stride"], 128);
  for (const char* count : {"tokens", "bytes", "words"}) EXPECT_EQ(half[count], whole[count]) << count;
  EXPECT_GT(half["windows"].get<int>(), whole["windows"].get<int>());
  EXPECT_LT(half["perplexity"].get<double>(), whole["perplexity"].get<double>());
  EXPECT_EQ(batch["nll_per_token"], half["nll_per_token"]);
  const auto wrong = perplexity("cpu_ref", {"--stride", "257"}, text.string());
  EXPECT_EQ(wrong.exit_code, 2);
  EXPECT_THAT(wrong.err, HasSubstr("a stride of 257 tokens would skip tokens: the context is 256"));
  std::filesystem::remove(text);
}

TEST(Perplexity, LossPerWordAndByteFollowsFromTheText) {
  const auto text = std::filesystem::path(test_paths::kBinaryDir) / "perplexity_words.txt";
  std::ofstream(text) << "\n one two\t three\n\nfour";  // the first token, a line break, is not scored
  const auto json = json_of(perplexity("cpu_ref", {"--json"}, text.string()));
  EXPECT_EQ(json["words"], 4);
  EXPECT_EQ(json["bytes"], 21);
  const double nats = json["nll_per_token"].get<double>() * json["tokens"].get<double>();
  EXPECT_NEAR(json["word_perplexity"].get<double>(), std::exp(nats / 4), 1e-9 * std::exp(nats / 4));
  EXPECT_NEAR(json["byte_perplexity"].get<double>(), std::exp(nats / 21), 1e-9);
  EXPECT_NEAR(json["bits_per_byte"].get<double>(), nats / 21 / std::log(2.0), 1e-9);
  std::filesystem::remove(text);
}

TEST(Perplexity, AgainstItselfNothingDiffers) {
  const auto json = json_of(perplexity("cpu_ref", {"--reference", "cpu_ref", "--json", "--windows", "5"}));
  EXPECT_EQ(json["kl"], 0);
  EXPECT_EQ(json["top1_agreement"], 1);
  EXPECT_EQ(json["top5_agreement"], 1);
  EXPECT_EQ(json["greatest_logit_error"], 0);
  EXPECT_EQ(json["reference_perplexity"], json["perplexity"]);
}

TEST(Perplexity, AgainstTheReferenceNarrowWeightsShow) {
  const auto json = json_of(perplexity("cpu_quant:int4", {"--reference", "cpu_ref", "--json", "--windows", "20"}));
  EXPECT_EQ(json["reference"], "cpu_ref:fp32");
  EXPECT_EQ(json["precision"], "int4");
  for (const std::string name : {"kl", "top1_agreement", "top5_agreement", "greatest_logit_error"}) {
    const auto value = json[name].get<double>();
    EXPECT_LE(json[name + "_interval"][0].get<double>(), value) << name;
    EXPECT_GE(json[name + "_interval"][1].get<double>(), value) << name;
  }
  EXPECT_GT(json["kl"].get<double>(), 1e-3);
  EXPECT_LT(json["kl"].get<double>(), 1e-2);
  EXPECT_GT(json["top1_agreement"].get<double>(), 0.85);
  EXPECT_LT(json["top1_agreement"].get<double>(), 0.99);
}

TEST(Perplexity, ATableForPeople) {
  const auto result = perplexity("cpu_quant:int8", {"--reference", "cpu_ref", "--windows", "2"});
  EXPECT_EQ(result.exit_code, 0);
  EXPECT_THAT(result.out,
              AllOf(HasSubstr("perplexity"), HasSubstr("KL, nats per token"), HasSubstr("top-5 agreement")));
  EXPECT_THAT(result.out, Not(HasSubstr("\x1b")));
}

TEST(Perplexity, MistakesAreNamedAndExitWithTwo) {
  const auto expect_error = [](const ProgramResult& result, const std::string& what) {
    EXPECT_EQ(result.exit_code, 2) << what;
    EXPECT_EQ(result.out, "");
    EXPECT_THAT(result.err, AllOf(StartsWith("inferbench: error: "), HasSubstr(what)));
  };
  const auto short_text = std::filesystem::path(test_paths::kBinaryDir) / "perplexity_short.txt";
  std::ofstream(short_text) << "a";
  expect_error(perplexity("cpu_ref", {}, short_text.string()), "too short");
  // This error comes before the backend is looked up.
  expect_error(perplexity("cpu_rex", {}, short_text.string()), "too short");
  std::filesystem::remove(short_text);
  expect_error(perplexity("cpu_ref", {}, kData + "/nowhere.txt"), "cannot be read");
  expect_error(perplexity("cpu_ref", {}, kData), "cannot be read");
  expect_error(perplexity("cpu_ref:int3", {}), "no precision 'int3'");
  expect_error(perplexity("cpu_ref", {"--reference", "cpu_rex"}), "cpu_rex");
  expect_error(perplexity("cpu_ref", {"--batch", "0"}), "--batch");
  expect_error(run_program({"perplexity", "--backend", "cpu_ref", "--plugin-dir", test_paths::kPlugins, "--model",
                            "synthetic:gpt2", "--text", kData + "/shakespeare/validation.txt"}),
               "no tokenizer");
}

}  // namespace
}  // namespace inferbench
