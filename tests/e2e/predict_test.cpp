// SPDX-License-Identifier: Apache-2.0
// analyze and predict as a user runs them, on run folders with synthetic trials.
#include <fmt/format.h>
#include <gmock/gmock.h>

#include <fstream>
#include <nlohmann/json.hpp>

#include "results/run_folder.hpp"
#include "support/program.hpp"
#include "unit/predict_fixture.hpp"

namespace inferbench {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

/// A run folder for all tests, and the predictor that `predict fit` creates from it.
class Predict : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    root_ = std::make_unique<test::TemporaryFolder>();
    const RunData run = test::physical_run(test::physical_sweep());
    RunFolder folder = RunFolder::create(root_->path(), run.info);
    run_ = folder.path().string();
    std::ofstream trials(folder.path() / "trials.jsonl", std::ios::binary);
    for (const TrialRecord& trial : run.trials) trials << to_json_line(trial) << '\n';
    trials.close();
    model_ = (root_->path() / "model.json").string();
    fit_ = run_program({"predict", "fit", run_, "--out", model_, "--threshold", "60"});
  }
  static void TearDownTestSuite() { root_.reset(); }

  static std::string path(const std::string& name) { return (root_->path() / name).string(); }

  static inline std::unique_ptr<test::TemporaryFolder> root_;
  static inline std::string run_;
  static inline std::string model_;
  static inline ProgramResult fit_;
};

TEST_F(Predict, FitTellsTheErrorsOfEveryMethod) {
  ASSERT_EQ(fit_.exit_code, 0) << fit_.err;
  EXPECT_THAT(fit_.out, AllOf(HasSubstr("learned from 72 configurations, 216 trials"), HasSubstr("physical and trees"),
                              HasSubstr("prompt_tokens"), HasSubstr("ROC-AUC"), HasSubstr("written: ")));
  const auto again = run_program({"predict", "fit", run_, "--out", path("again.json"), "--json"});
  ASSERT_EQ(again.exit_code, 0) << again.err;
  const auto json = nlohmann::json::parse(again.out);
  const auto& decode = json["targets"]["decode_ms_per_token"];
  EXPECT_NE(decode["method"], "trees");
  EXPECT_EQ(decode["validation"].size(), 3U);
  EXPECT_LT(decode["validation"][0]["left_out"]["model"]["mape"].get<double>(), 0.05);
}

TEST_F(Predict, AskPredictsWithAnInterval) {
  const auto table = run_program(
      {"predict", "ask", "--model", model_, "--point", "model=synthetic:gpt2-medium,prompt_tokens=200,batch=[3,6]"});
  ASSERT_EQ(table.exit_code, 0) << table.err;
  EXPECT_EQ(table.err, "");
  EXPECT_THAT(table.out, AllOf(HasSubstr("synthetic:gpt2-medium: prompt 200, generate 8, batch 6, threads 2"),
                               HasSubstr("decode ms/token"), HasSubstr("<= 60 ms")));
  const auto result = run_program({"predict", "ask", "--model", model_, "--json", "--point",
                                   "contender=quant,layers=24,width=1024,prompt_tokens=200,batch=3"});
  ASSERT_EQ(result.exit_code, 0) << result.err;
  const auto json = nlohmann::json::parse(result.out)["configurations"];
  ASSERT_EQ(json.size(), 1U);
  const auto& decode = json[0]["decode_ms_per_token"];
  EXPECT_LT(decode["low"], decode["value"]);
  EXPECT_LT(decode["value"], decode["high"]);
  EXPECT_GT(json[0]["meets_threshold_probability"].get<double>(), 0.5);
  EXPECT_TRUE(json[0]["beyond"].empty());
}

TEST_F(Predict, AskFindsWhatFitsAndStaysFast) {
  const auto result =
      run_program({"predict", "ask", "--model", model_, "--fit-memory", "3", "--max-ms", "40", "--json"});
  ASSERT_EQ(result.exit_code, 0) << result.err;
  std::size_t yes = 0;
  std::size_t no = 0;
  const auto json = nlohmann::json::parse(result.out);
  for (const auto& one : json["configurations"]) {
    const bool small = one["load_peak_rss_bytes"]["high"].get<double>() <= 3.0 * (1U << 30U);
    const bool fast = one["decode_ms_per_token"]["high"].get<double>() <= 40;
    EXPECT_EQ(one["fits"] == "yes", small && fast) << one;
    yes += one["fits"] == "yes" ? 1U : 0U;
    no += one["fits"] == "no" ? 1U : 0U;
  }
  EXPECT_GT(yes, 5U);
  EXPECT_GT(no, 5U);
  const auto table = run_program({"predict", "ask", "--model", model_, "--fit-memory", "3", "--max-ms", "40"});
  EXPECT_THAT(table.out, AllOf(HasSubstr(fmt::format("fit: {},", yes)), HasSubstr(fmt::format("do not fit: {}", no))));
}

TEST_F(Predict, AskWarnsBeyondTheMeasuredAndRefusesFarBeyond) {
  const std::string quant = "contender=quant,model=synthetic:gpt2,prompt_tokens=32,batch=";
  const auto near = run_program({"predict", "ask", "--model", model_, "--point", quant + "16"});
  EXPECT_EQ(near.exit_code, 0);
  EXPECT_THAT(near.err, HasSubstr("warning: batch 16 is beyond the measured 1 to 8"));
  EXPECT_THAT(near.out, HasSubstr("! beyond the measured range"));
  const auto far = run_program({"predict", "ask", "--model", model_, "--point", quant + "64"});
  EXPECT_EQ(far.exit_code, 2);
  EXPECT_EQ(far.out, "");
  EXPECT_THAT(far.err, AllOf(HasSubstr("batch 64 is beyond"), HasSubstr("--extrapolate")));
  EXPECT_EQ(run_program({"predict", "ask", "--model", model_, "--extrapolate", "--point", quant + "64"}).exit_code, 0);
}

TEST_F(Predict, ExplainsCoefficientsAndAPoint) {
  const auto all = run_program({"predict", "explain", "--model", model_});
  ASSERT_EQ(all.exit_code, 0) << all.err;
  EXPECT_THAT(all.out, AllOf(HasSubstr("weights over bandwidth"), HasSubstr("s per 1e9"), HasSubstr("left out: each")));
  const auto point = run_program({"predict", "explain", "--model", model_, "--point",
                                  "contender=reference,model=synthetic:gpt2-large,prompt_tokens=32,batch=1"});
  ASSERT_EQ(point.exit_code, 0) << point.err;
  EXPECT_THAT(point.out, AllOf(HasSubstr("reference on synthetic:gpt2-large"), HasSubstr("sum"), HasSubstr("%")));
  EXPECT_EQ(nlohmann::json::parse(run_program({"predict", "explain", "--model", model_, "--json"}).out)["trials"], 216);
}

TEST_F(Predict, MistakesAreOneLineAndOneHint) {
  std::ofstream(path("broken.json")) << "{";
  const std::vector<std::vector<std::string>> wrong{
      {"predict"},
      {"predict", "fit"},
      {"predict", "fit", path("nowhere")},
      {"predict", "fit", run_, "--limits", path("nowhere.json")},
      {"predict", "ask", "--model", path("nowhere.json")},
      {"predict", "ask", "--model", path("broken.json")},
      {"predict", "ask", "--model", model_, "--point", "batch=none"},
      {"predict", "ask", "--model", model_, "--point", "contender=quantum"},
      {"predict", "ask", "--model", model_, "--max-ms", "-3"},
  };
  for (const auto& arguments : wrong) {
    const auto result = run_program(arguments);
    EXPECT_EQ(result.exit_code, 2) << arguments.back();
    EXPECT_THAT(result.err, AllOf(HasSubstr("inferbench: error: "), HasSubstr("inferbench: hint: ")))
        << arguments.back();
    EXPECT_EQ(result.out, "");
  }
  const auto near = run_program({"predict", "ask", "--model", model_, "--point", "contender=quantt"});
  EXPECT_THAT(near.err, HasSubstr("did you mean 'quant'"));
}

TEST_F(Predict, AnalyzePrintsATableAndJson) {
  const auto table = run_program({"analyze", run_});
  ASSERT_EQ(table.exit_code, 0) << table.err;
  EXPECT_THAT(table.out, AllOf(HasSubstr("share of the variance (216 trials, 72 configurations)"),
                               HasSubstr("model_size"), HasSubstr("repeats"), Not(HasSubstr("threads  "))));
  const auto result = run_program({"analyze", run_, "--metric", "ttft_ms", "--json"});
  ASSERT_EQ(result.exit_code, 0) << result.err;
  const auto json = nlohmann::json::parse(result.out);
  ASSERT_EQ(json["metrics"].size(), 1U);
  double sum = 0;
  const auto& variance = json["metrics"][0]["variance"];
  for (const auto& axis : variance["axes"]) sum += axis["share"].get<double>();
  EXPECT_NEAR(sum + variance["interactions"].get<double>() + variance["repeats"].get<double>(), 1, 1e-9);
  const auto unknown = run_program({"analyze", run_, "--metric", "ttft_m"});
  EXPECT_EQ(unknown.exit_code, 2);
  EXPECT_THAT(unknown.err, HasSubstr("did you mean 'ttft_ms'"));
}

}  // namespace
}  // namespace inferbench
