// SPDX-License-Identifier: Apache-2.0
// Quality as part of a run: rows for every contender, marked trials of wrong contenders, comparison of greedy ids.
#include <gmock/gmock.h>

#include <algorithm>
#include <fstream>
#include <iterator>
#include <nlohmann/json.hpp>

#include "e2e/run_fixture.hpp"

namespace inferbench::test {
namespace {

using testing::AllOf;
using testing::ContainsRegex;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

std::string wrong(const std::string& fault) {
  return fmt::format("  - {{plugin: {}, name: {}, options: {{fault: {}}}}}\n", INFERBENCH_WRONG_PLUGIN, fault, fault);
}

class RunQuality : public RunTest {
 protected:
  ProgramResult run(const std::string& backends, const std::string& rest, const std::vector<std::string>& more = {}) {
    const std::string yaml = write_experiment("  - {plugin: cpu_ref, name: reference}\n" + backends, rest);
    std::vector<std::string> arguments{"run", yaml, "--set", "sweep.prompt_tokens=[9]"};
    arguments.insert(arguments.end(), more.begin(), more.end());
    return run_program_in(folder(), arguments);
  }

  QualityRecord quality_of(const std::string& contender) const {
    for (const QualityRecord& record : read_run(only_run_folder()).quality) {
      if (record.contender == contender) return record;
    }
    ADD_FAILURE() << "no quality row of " << contender;
    return {};
  }

  std::vector<TrialRecord> trials_of(const std::string& contender) const {
    std::vector<TrialRecord> found;
    for (const TrialRecord& trial : read_run(only_run_folder()).trials) {
      if (trial.contender == contender) found.push_back(trial);
    }
    EXPECT_THAT(found, Not(IsEmpty()));
    return found;
  }
};

TEST_F(RunQuality, EachWrongBackendIsCaughtAndTheRightOnesPass) {
  const std::vector<std::string> faults{"dropped_bias", "swapped_heads", "stale_kv", "not_a_number"};
  std::string backends = "  - {plugin: cpu_quant, precision: [int8, int4]}\n" + wrong("none");
  for (const std::string& fault : faults) backends += wrong(fault);
  const ProgramResult result = run(backends, "measure: {blocks: 1, warmup: 1}\nquality: {}");
  EXPECT_EQ(result.exit_code, 3) << result.err;
  for (const std::string& fault : faults) {
    const QualityRecord quality = quality_of(fault);
    EXPECT_EQ(to_string(quality.status), "wrong_output") << fault;
    EXPECT_THAT(quality.error, Not(IsEmpty())) << fault;
    for (const TrialRecord& trial : trials_of(fault)) {
      EXPECT_EQ(to_string(trial.outcome.status), "wrong_output") << fault;
      // Each trial asks for its last logits, so NaN is found there first.
      EXPECT_EQ(trial.outcome.error, fault == "not_a_number"
                                         ? "after the last token of sequence 0, the logit of token 256 is NaN"
                                         : "quality: " + quality.error);
    }
  }
  EXPECT_THAT(quality_of("dropped_bias").error, HasSubstr("more than the bound of 1e-06 for fp32"));
  EXPECT_THAT(quality_of("not_a_number").error, HasSubstr("not finite"));
  for (const std::string right : {"reference", "none", "cpu_quant:int8", "cpu_quant:int4"}) {
    EXPECT_TRUE(quality_of(right).ok()) << right << ": " << quality_of(right).error;
    EXPECT_EQ(quality_of(right).repeats, true) << right;
    for (const TrialRecord& trial : trials_of(right)) EXPECT_TRUE(trial.ok()) << right << ": " << trial.outcome.error;
  }
  EXPECT_EQ(quality_of("none").agreement->reference->kl.value, 0);
  EXPECT_GT(quality_of("cpu_quant:int4").agreement->reference->kl.value, 1e-3);
  EXPECT_THAT(result.out, AllOf(HasSubstr("agreement with cpu_ref on random tokens"), HasSubstr("wrong_output: KL")));
}

TEST_F(RunQuality, TextGivesPerplexityAndTheFileMaySetTheBounds) {
  const std::string text = std::string(test_paths::kData) + "/shakespeare/validation.txt";
  const std::string rest =
      fmt::format("measure: {{blocks: 1, warmup: 0}}\nquality: {{text: {}, windows: 3, max_kl: {{int8: 1e-9}}}}", text);
  const std::string model = std::string("models=[") + test_paths::kData + "/shakespeare]";
  const ProgramResult result = run("  - {plugin: cpu_quant, precision: [int8, int4]}", rest, {"--set", model});
  EXPECT_EQ(result.exit_code, 3) << result.err;
  const QualityRecord reference = quality_of("reference");
  EXPECT_EQ(reference.text, text);
  EXPECT_EQ(reference.agreement->tokens, 3U * 256U);
  const ProgramResult alone =
      run_program({"perplexity", "--backend", "cpu_ref", "--plugin-dir", test_paths::kPlugins, "--model",
                   std::string(test_paths::kData) + "/shakespeare", "--text", text, "--windows", "3", "--json"});
  const double perplexity = nlohmann::json::parse(alone.out)["perplexity"].get<double>();
  EXPECT_NEAR(reference.agreement->perplexity.value, perplexity, 1e-9 * perplexity);
  EXPECT_EQ(reference.max_kl, 1e-6);
  EXPECT_THAT(quality_of("cpu_quant:int8").error, HasSubstr("more than the bound of 1e-09 for int8"));
  EXPECT_EQ(quality_of("cpu_quant:int4").max_kl, 2e-2);
  EXPECT_TRUE(quality_of("cpu_quant:int4").ok());
}

TEST_F(RunQuality, ATextThatAModelCannotReadIsAnErrorBeforeTheRun) {
  const auto short_text = folder() / "short.txt";
  std::ofstream(short_text) << "To be, or not to be";
  const auto refused = [&](const std::string& text, const std::string& models, const std::string& why) {
    const std::string rest = fmt::format("measure: {{blocks: 1}}\nquality: {{text: '{}'}}", text);
    const ProgramResult result = run("", rest, {"--plan", "--set", "models=" + models});
    EXPECT_EQ(result.exit_code, 2) << result.out;
    EXPECT_THAT(result.err, ContainsRegex("yaml:[0-9]+:[0-9]+: quality.text: " + why));
    EXPECT_FALSE(std::filesystem::exists(folder() / "results"));
  };
  const std::string data = test_paths::kData;
  const std::string text = data + "/shakespeare/validation.txt";
  refused(text, "[synthetic:gpt2]", "the model synthetic:gpt2 has no tokenizer");
  refused(text, "[" + data + "/shakespeare, " + data + "/tiny]", ".*tiny: no tokenizer there: missing vocab.json");
  refused(short_text, "[" + data + "/shakespeare]", ".*short.txt' has only [0-9]+ tokens for shakespeare");
}

TEST_F(RunQuality, ABoundOfAContenderGoesBeforeThatOfItsPrecision) {
  const std::string backends =
      "  - {plugin: cpu_quant, precision: int8}\n  - {plugin: cpu_quant, precision: int8, name: mine}\n";
  const std::string rest = "measure: {blocks: 1, warmup: 0}\nquality: {windows: 1, max_kl: {int8: 1e-9, mine: 99}}";
  EXPECT_EQ(run(backends, rest).exit_code, 3);
  EXPECT_THAT(quality_of("cpu_quant:int8").error, HasSubstr("more than the bound of 1e-09 for int8"));
  EXPECT_TRUE(quality_of("mine").ok()) << quality_of("mine").error;
  EXPECT_EQ(quality_of("mine").max_kl, 99);
}

TEST_F(RunQuality, ACrashIsARowAndTheOthersGoOn) {
  const ProgramResult result = run(wrong("crashes"), "measure: {blocks: 1, warmup: 0}\nquality: {windows: 1}");
  EXPECT_EQ(result.exit_code, 3);
  EXPECT_EQ(to_string(quality_of("crashes").status), "crashed");
  EXPECT_FALSE(quality_of("crashes").agreement);
  EXPECT_TRUE(quality_of("reference").ok());
  EXPECT_EQ(to_string(trials_of("crashes").front().outcome.status), "crashed");
}

TEST_F(RunQuality, ResumeMeasuresNothingTwice) {
  ASSERT_EQ(run("", "measure: {blocks: 1}\nquality: {windows: 1}").exit_code, 0);
  const auto file = only_run_folder() / "quality.jsonl";
  const auto read = [&] {
    std::ifstream stream(file);
    return std::string{std::istreambuf_iterator<char>(stream), std::istreambuf_iterator<char>()};
  };
  const std::string before = read();
  std::filesystem::resize_file(only_run_folder() / "trials.jsonl", 0);
  EXPECT_EQ(run_program_in(folder(), {"run", "--resume", only_run_folder().string()}).exit_code, 0);
  EXPECT_EQ(read(), before);
  EXPECT_EQ(trials_of("reference").size(), 2U);
}

TEST_F(RunQuality, GreedyIdsAreComparedWithTheBaselines) {
  const std::string backends =
      "  - {plugin: cpu_ref, name: same}\n  - {plugin: cpu_quant, precision: int4, name: narrow}\n" +
      wrong("swapped_heads");
  const ProgramResult result =
      run(backends, "measure: {blocks: 4, warmup: 0}", {"--set", "sweep.generate_tokens=[24]"});
  EXPECT_EQ(result.exit_code, 0) << result.err;
  for (const TrialRecord& trial : trials_of("reference")) EXPECT_FALSE(trial.same_output);
  for (const TrialRecord& trial : trials_of("same")) {
    EXPECT_EQ(trial.same_output, true);
    EXPECT_FALSE(trial.divergence);
  }
  int n_wide = 0;
  for (const std::string other : {"narrow", "swapped_heads"}) {
    int n_different = 0;
    for (const TrialRecord& trial : trials_of(other)) {
      ASSERT_TRUE(trial.same_output);
      if (*trial.same_output) continue;
      ++n_different;
      ASSERT_TRUE(trial.divergence);
      EXPECT_LT(trial.divergence->token, 24);
      EXPECT_LT(trial.divergence->sequence, 2);
      ASSERT_TRUE(trial.divergence->margin);
      EXPECT_GE(*trial.divergence->margin, 0);  // the baseline took the largest logit
      n_wide += trial.divergence->wide ? 1 : 0;
      EXPECT_TRUE(other != "narrow" || !trial.divergence->wide) << *trial.divergence->margin;
    }
    EXPECT_GT(n_different, 0) << other;
  }
  EXPECT_GT(n_wide, 0);
}

}  // namespace
}  // namespace inferbench::test
